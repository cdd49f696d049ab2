"""An incident that is over in, which fault it was out, and how far that may be believed.

People are believed first, by what they said last; then a repair that was proved on metrics. An alert that a
rule made a fault of is believed weakly, and so is quiet: trouble that nobody could name and that went away by
itself was none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from agent.learn.faults.examples import HEALTHY
from agent.records.cases import PastIncident
from agent.records.feedback import Feedback, FeedbackKind
from agent.records.findings import Candidate, Symptom
from agent.records.incidents import IncidentState
from agent.records.runs import Verdict

Origin = Literal["person", "verdict", "case", "alert", "quiet", "history"]

_NOBODY_KNOWS = frozenset({"unknown", "unknown_alert"})
_WEAK = 0.3
_DIAGNOSED = frozenset({FeedbackKind.RIGHT, FeedbackKind.WRONG, FeedbackKind.IT_WAS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """Which fault it was, on which entity, who says so, and how far that may be believed, in 0..1."""

    fault: str
    entity: str
    origin: Origin
    weight: float = 1.0


def label_of(past: PastIncident) -> Label | None:
    """Return which fault an incident was, None where nobody can tell."""
    incident = past.incident
    said = next((one for one in past.said if one.kind in _DIAGNOSED), None)
    if said is not None:
        return _of_person(said, incident.best, incident.entity)
    for repair in reversed(past.repairs):
        if repair.verdict is Verdict.RECOVERED and repair.lasted and repair.fault not in _NOBODY_KNOWS:
            return Label(fault=repair.fault, entity=repair.entity, origin="verdict", weight=repair.sure)
    if past.repairs:
        return None  # something was tried and did not help: who knows what it was
    best = incident.best
    if best is None or best.fault in _NOBODY_KNOWS:
        quiet = incident.state is IncidentState.CLEARED and incident.acknowledged_by is None
        return Label(fault=HEALTHY, entity=incident.entity, origin="quiet", weight=_WEAK) if quiet else None
    alerted = any(one.kind == "alert" for one in best.symptoms)
    if alerted and any(voter.startswith("rule ") for voter in best.voters):
        return Label(fault=best.fault, entity=best.entity, origin="alert", weight=_WEAK)
    return None


def symptoms_of(past: PastIncident, entity: str) -> Sequence[Symptom]:
    """Return what was seen of an entity in an incident, of all of it where nothing is known of the entity."""
    candidates = past.incident.diagnosis.candidates
    own = [one for one in candidates if one.entity == entity] or candidates
    return tuple(dict.fromkeys(symptom for one in own for symptom in one.symptoms))


def _of_person(said: Feedback, best: Candidate | None, entity: str) -> Label | None:
    if said.kind is FeedbackKind.IT_WAS:
        known = said.fault and said.fault not in _NOBODY_KNOWS
        return Label(fault=said.fault, entity=entity, origin="person") if known else None
    if said.kind is FeedbackKind.RIGHT and best is not None and best.fault not in _NOBODY_KNOWS:
        return Label(fault=best.fault, entity=best.entity, origin="person")
    return None  # it was not that; what it was nobody said
