"""Runs and what verification found of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from agent.quantity import format_quantity
from agent.reasons import Reason
from agent.records.decisions import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftovers:
    """What was found when a host was looked at for what a run may have left there.

    ``unknown`` says why it is not sure that nothing is left, and is empty when it is.
    """

    ended: int = 0
    unknown: str = ""


class RunState(StrEnum):
    """Where a run stands. Intent is written before anything starts, outcome after it ended."""

    INTENDED = "intended"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELED = "canceled"
    INTERRUPTED = "interrupted"

    @property
    def ended(self) -> bool:
        """Return whether nothing of the run is at work any more."""
        return self not in (RunState.INTENDED, RunState.RUNNING)


class RunPhase(StrEnum):
    """What is to be done about a run, as it is kept: whoever looks goes on from here, a restart too.

    Its hosts are locked until it is ``over``.
    """

    INTENDED = "intended"
    RUNNING = "running"
    CLEANING_UP = "cleaning_up"
    ROLLING_BACK = "rolling_back"
    VERIFYING = "verifying"
    OVER = "over"


class Verdict(StrEnum):
    """What verification found."""

    PENDING = "pending"
    RECOVERED = "recovered"
    NOT_RECOVERED = "not_recovered"
    WORSE = "worse"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutcome:
    """How one step of a run ended. ``changed`` names the hosts it changed."""

    name: str
    playbook: str
    attempt: int
    state: RunState
    reason: Reason
    started_at: datetime
    ended_at: datetime
    changed: tuple[str, ...] = ()
    output: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEvent:
    """One line of what Ansible did, as it happens."""

    at: datetime
    step: str
    host: str
    task: str
    status: str  # started, ok, changed, failed, skipped, unreachable
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One check with its numbers: before the run, and at the last look.

    ``holds`` is None when no fresh sample could be had.
    """

    text: str
    holds: bool | None
    before: float | None = None
    after: float | None = None
    since: datetime | None = None
    detail: str = ""
    unit: str = ""

    @property
    def numbers(self) -> str:
        """Return the numbers before and after in words, empty where none was measured."""
        if self.after is None:
            return ""
        before = "unknown" if self.before is None else format_quantity(self.before, self.unit)
        return f"{before} before, {format_quantity(self.after, self.unit)} after"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """How sure it is, in 0..1, that a run and not chance brought the recovery, and why."""

    sure: float
    text: str


NOTHING_DONE = frozenset(
    {
        Reason.NEVER_STARTED,
        Reason.NOT_BEGUN,
        Reason.HOST_UNREACHABLE,
        Reason.INVENTORY_UNAVAILABLE,
        Reason.PLAYBOOK_MISSING,
        Reason.PLAY_REFUSED,
    }
)
"""Reasons of a verdict on a run that did nothing on its hosts."""

_CUT_SHORT = (
    Reason.INTERRUPTED,
    Reason.CANCELED,
    Reason.STOPPING,
    Reason.HOST_UNREACHABLE,
    Reason.LEFTOVERS_UNKNOWN,
)


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment by two clocks: that of the source of metrics, None where it is not known, and our own."""

    source: datetime | None
    own: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution of a plan for an incident.

    ``state`` is how its steps stand or ended, ``phase`` what is to be done about it, and ``tries`` how
    often that was tried. ``fresh_after`` is the metric source's own time at the end of the last step, None
    while it is not known: only newer samples count for verification, whatever the two clocks say.
    ``verdict`` stands while a rollback it led to is under way. ``evidence_at`` is the source's time up to
    which the verdict looked. ``relapsed_at`` is when what had recovered broke again.
    """

    incident_id: int
    plan: Plan
    created_at: datetime
    actor: str
    id: int = 0
    phase: RunPhase = RunPhase.INTENDED
    tries: int = 0
    state: RunState = RunState.INTENDED
    reason: Reason | None = None
    detail: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    fresh_after: datetime | None = None
    steps: tuple[StepOutcome, ...] = ()
    verdict: Verdict = Verdict.PENDING
    verdict_reason: Reason | None = None
    verified_at: datetime | None = None
    evidence_at: datetime | None = None
    relapsed_at: datetime | None = None
    checks: tuple[CheckResult, ...] = field(default_factory=tuple)
    attribution: Attribution | None = None

    @property
    def tells(self) -> bool:
        """Return whether its verdict says anything about the remediation.

        What was not done, or not to its end, says nothing, unless it healed all the same.
        """
        if self.verdict in (Verdict.PENDING, Verdict.RECOVERED):
            return self.verdict is Verdict.RECOVERED
        return self.verdict_reason not in NOTHING_DONE and self.reason not in _CUT_SHORT


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A run of a remediation as guards look back on it. ``healed`` is None while it says nothing."""

    run_id: int
    fault: str
    digest: str
    machines: frozenset[str]
    groups: frozenset[str]
    healed: bool | None
    judged_at: datetime | None
    under_way: bool
