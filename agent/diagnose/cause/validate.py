"""A suspect and the analysis in, what the data says for and against it out.

Three questions an engineer would ask: did it come first, does it account for the rest, and would its
repair take the trouble away? The last is answered twice: by the graph (blame that comes by the suspect)
and by the numbers (how well the suspect's course fits the symptom's by itself).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent.diagnose.cause.graph import FAILING, Node, Trouble
from agent.diagnose.cause.rootcause import RootCauseAnalysis, Suspect
from agent.records.metrics import FloatArray

_LATE_COLUMNS = 2  # the times of two series of one cause differ by so much anyhow
_EXPLAINS_LITTLE = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """``lead_s`` is how long before everybody else it began, negative when later; None when unknown.

    ``repaired`` is the share of all blame that comes by it, ``fit`` the share of the incident's course
    (R squared) that its own course reproduces. ``against`` says what speaks against it.
    """

    lead_s: float | None
    repaired: float
    fit: float
    against: Sequence[str]


def validate_suspect(analysis: RootCauseAnalysis, suspect: Suspect) -> Validation:
    """Look at one suspect again, by the data alone."""
    graph, table = analysis.graph, analysis.observed.table
    own = [node for key, node in graph.nodes.items() if key[0] == suspect.entity]
    others = [node for key, node in graph.nodes.items() if key[0] != suspect.entity and key[1] in FAILING]
    lead = _lead(own, others, table.times, table.clocked)
    course = graph.course()
    fit = max((_r_squared(course, node.profile) for node in own), default=0.0) if course is not None else 0.0
    return Validation(
        lead_s=lead,
        repaired=suspect.repaired,
        fit=fit,
        against=tuple(_against(own, lead, suspect, table.times)),
    )


def _lead(own: Sequence[Node], others: Sequence[Node], times: FloatArray, clocked: bool) -> float | None:
    mine = [node.onset for node in own if node.onset >= 0]
    theirs = [node.onset for node in others if node.onset >= 0]
    if not mine or not theirs or not clocked:
        return None
    return float(times[min(theirs)] - times[min(mine)])


def _r_squared(course: FloatArray, profile: FloatArray) -> float:
    """Return R squared of the least-squares line through both courses."""
    if course.std() == 0 or profile.std() == 0:
        return 0.0
    return float(np.corrcoef(course, profile)[0, 1] ** 2)


def _against(own: Sequence[Node], lead: float | None, suspect: Suspect, times: FloatArray) -> list[str]:
    told: list[str] = []
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    if lead is not None and lead < -_LATE_COLUMNS * max(step, 1.0):
        told.append(f"others were in trouble {-lead:.0f} s before it")
    if suspect.repaired < _EXPLAINS_LITTLE:
        told.append(f"it accounts for only {suspect.repaired:.0%} of what is wrong")
    if own and all(node.trouble in (Trouble.SURGE, Trouble.DROUGHT, Trouble.OTHER) for node in own):
        told.append("it shows no trouble of its own, only unusual traffic or values")
    if not own:
        told.append("nothing of it was measured; only others point to it")
    return told
