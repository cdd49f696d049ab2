"""What people said of diagnoses, as proposals to what is learned from: judged, and judged again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from agent.records.cases import Hypothesis, Outcome, PastCase
from agent.records.feedback import Feedback


class ProposalState(StrEnum):
    """What became of it. ``waiting``: too little of the past is proved to judge it by."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvedNaming:
    """What voters said of an incident, what else looked alike, and the fault that its repair proved."""

    incident_id: int
    fault: str
    hypotheses: tuple[Hypothesis, ...]
    seen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Teaching:
    """What one thing that somebody said would change: what is held of voters, and a case."""

    feedback: Feedback
    outcomes: tuple[Outcome, ...]
    case: PastCase | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How well faults are named: the share that is right, and the mean Brier score, where less is better."""

    right: float
    brier: float

    def is_worse_than(self, other: Quality) -> bool:
        """Return whether either is worse than another's, by more than rounding."""
        return self.right < other.right - 1e-9 or self.brier > other.brier + 1e-9

    def __str__(self) -> str:
        return f"{self.right:.1%} right, Brier {self.brier:.4f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What became of one thing that somebody said, when, and by which figures."""

    feedback_id: int
    state: ProposalState
    at: datetime
    why: str
