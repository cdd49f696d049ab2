"""What past incidents teach: a case with its fingerprint, and a voter's hypothesis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.records.feedback import Feedback
from agent.records.incidents import Incident
from agent.records.runs import Verdict

Fingerprint = Mapping[str, float]
"""What was seen of one entity: a feature's name and how clearly it was seen, in 0..1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastCase:
    """A finished incident, or one that somebody wrote down: what was seen, what it was, what helped.

    ``weight`` is how much it may be believed: 1 when a repair of this fault was proved on metrics.
    """

    id: str
    fault: str
    fingerprint: Fingerprint = field(hash=False)
    helped: tuple[str, ...] = ()
    summary: str = ""
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a voter's word: whether it proved right, and in 0..1 how surely that is known."""

    voter: str
    right: bool
    sure: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothesis:
    """What one voter says of one entity: a fault, how sure it is in 0..1, and why."""

    voter: str
    fault: str
    confidence: float
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """What came of a run: for which fault it was, and in 0..1 how surely it brought the recovery.

    ``lasted`` is False where the fault came back.
    """

    fault: str
    entity: str
    remediation: str
    verdict: Verdict
    sure: float = 1.0
    lasted: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PastIncident:
    """An incident that is over, what was done about it, and what people said of it, the newest first."""

    incident: Incident
    repairs: tuple[Repair, ...] = ()
    said: tuple[Feedback, ...] = ()
