"""How much the agent may do by itself with a remediation for a fault: rungs of a ladder, step by step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Rung = Literal["observe", "suggest", "approve", "auto"]
LADDER: tuple[Rung, ...] = ("observe", "suggest", "approve", "auto")
"""It says nothing of it, names it to people, asks them, runs it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AutonomyStep:
    """One step up or down for a remediation and a fault, by whom and why.

    ``run_id`` is the run that did harm, None for a step of another cause.
    """

    remediation: str
    fault: str
    up: bool
    at: datetime
    actor: str
    why: str
    run_id: int | None = None
    id: int = 0  # given by the store


def rung_after(start: Rung, steps: Iterable[AutonomyStep]) -> Rung:
    """Return the rung that steps lead to, oldest first; no step leads off the ladder."""
    place = LADDER.index(start)
    for step in steps:
        place = min(max(place + (1 if step.up else -1), 0), len(LADDER) - 1)
    return LADDER[place]
