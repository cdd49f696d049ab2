"""Decisions, plans, runs, and what verification found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from agent.reasons import Reason

ParameterValue = str | int | float | bool


class Action(StrEnum):
    """What a decision says to do with an incident now."""

    RUN = "run"
    ASK = "ask"
    HOLD = "hold"
    ESCALATE = "escalate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A remediation made concrete: which, where, with what. Nothing in it is a template any more.

    ``digest`` is that of everything that a run can carry out, ``rules_digest`` that of the rules that led to
    it. ``companions`` are hosts that it may touch beside its own, as a balancer; ``identities`` says which
    machine each of all these names is (``InventoryHost.identity``).
    """

    remediation: str
    digest: str
    fault: str
    entity: str
    confidence: float
    hosts: tuple[str, ...]
    parameters: Mapping[str, ParameterValue]
    labels: Mapping[str, str]
    rules_digest: str = ""
    companions: tuple[str, ...] = ()
    identities: Mapping[str, str] = field(default_factory=dict)

    @property
    def touched(self) -> tuple[str, ...]:
        """Return the names of all hosts that a run of the plan may touch."""
        return (*self.hosts, *self.companions)

    @property
    def machines(self) -> tuple[str, ...]:
        """Return what locks, cooldowns and limits go by: the machine behind each name, once."""
        return tuple(sorted({self.identities.get(name) or name for name in self.touched}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftovers:
    """What was found when a host was looked at for what a run may have left there.

    ``unknown`` says why it is not sure that nothing is left, and is empty when it is.
    """

    ended: int = 0
    unknown: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A remediation that fits, with the score it was ranked by and what that rests on."""

    remediation: str
    score: float
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Run this, ask, hold back or give it to people; always with a named reason.

    ``approvals`` is how many people have to say yes where it asks; ``options`` are all remediations
    that fit, the best first.
    """

    action: Action
    reason: Reason
    detail: str = ""
    plan: Plan | None = None
    approvals: int = 1
    options: tuple[Option, ...] = ()


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """How sure it is, in 0..1, that a run and not chance brought the recovery, and why."""

    sure: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution of a plan for an incident.

    ``fresh_after`` is the metric source's own time at the end of the last step: only newer samples
    count for verification, whatever the two clocks say.
    """

    incident_id: int
    plan: Plan
    created_at: datetime
    actor: str
    id: int = 0
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
    checks: tuple[CheckResult, ...] = field(default_factory=tuple)
    attribution: Attribution | None = None
