"""A training that somebody or the schedule has asked for, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

TrainingKind = Literal["entity", "diagnosis", "failures"]
Move = Literal["promote", "rollback", "beside"]
"""Where a training on a shelf is put: in force, in force again, beside what is."""

TrainingState = Literal["waiting", "training", "trained", "failed", "canceled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingJob:
    """One training. ``done`` of ``of`` is how far its present phase is, ``left_s`` how long it may take.

    ``models`` is how many were trained; ``why`` says why it failed, or why what was trained is in force or
    not.
    """

    id: int
    kind: TrainingKind
    asked_by: str
    asked_at: datetime
    state: TrainingState = "waiting"
    phase: str = ""
    done: int = 0
    of: int = 0
    left_s: float | None = None
    models: int | None = None
    why: str = ""
    ended_at: datetime | None = None

    @property
    def over(self) -> bool:
        """Return whether it has ended, well or not."""
        return self.state in ("trained", "failed", "canceled")
