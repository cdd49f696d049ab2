"""Runs that are over, as what they teach about remediations; and what was learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStep:
    """How long one attempt of a step took, and what it said when it did not succeed.

    ``number`` counts the attempts of the step in one run; ``began`` is None where nobody kept it. What was
    cancelled, or never let begin, ``tells`` nothing of the step.
    """

    name: str
    seconds: float
    succeeded: bool
    error: str = ""
    number: int = 1
    timed_out: bool = False
    tells: bool = True
    began: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One run on hosts of some ``groups``. ``healed`` is None where it says nothing of its remediation.

    ``digest`` is that of the files that it carried out.
    """

    run_id: int
    remediation: str
    fault: str
    groups: tuple[str, ...]
    at: datetime
    healed: bool | None
    worse: bool
    relapsed: bool
    seconds: float
    steps: tuple[AttemptStep, ...] = ()
    digest: str = ""
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """What is known of one step: half of its attempts took ``p50_s`` at the most, 95 in 100 ``p95_s``."""

    name: str
    attempts: int
    failed: int
    p50_s: float
    p95_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorPattern:
    """What steps said that did not succeed, with what differs masked, and how often."""

    step: str
    pattern: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RemediationTrackRecord:
    """What came of a remediation for a fault on one kind of host, newest runs and old ones alike.

    ``low`` and ``high`` bound its success, eight times in ten. ``opportunities`` says in words what could
    be better.
    """

    remediation: str
    fault: str
    groups: tuple[str, ...]
    runs: int
    healed: int
    low: float
    high: float
    worse: int
    relapsed: int
    p50_s: float
    p95_s: float
    last_at: datetime
    steps: Sequence[StepRecord] = ()
    errors: Sequence[ErrorPattern] = ()
    opportunities: Sequence[str] = ()
