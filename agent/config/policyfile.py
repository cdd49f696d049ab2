"""``rules/policy.yml``: who may do what, and what the agent may do by itself, where and when."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apscheduler.triggers.cron import CronTrigger
from pydantic import BeforeValidator, Field, field_validator, model_validator

from agent.config.scalars import Confidence, Duration, Identifier, PositiveDuration
from agent.config.settings import Mode
from agent.config.yamlfile import Document, Strict, read_yaml, validate
from agent.errors import ConfigError, Problem
from agent.records.autonomy import Rung

Permission = Literal[
    "approve",
    "deny",
    "close",
    "cancel",
    "pause",
    "resume",
    "run",
    "override",
    "alert",
    "feedback",
    "administer",
]
Risk = Literal["low", "medium", "high"]
POLICY = "policy.yml"


def _instant(value: Any) -> Any:
    if isinstance(value, datetime):
        return value
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise ValueError(f"'{value}' is no time; write it as 2026-12-24T18:00:00Z") from error
    if moment.tzinfo is None:
        raise ValueError(f"'{value}' has no time zone; write it as 2026-12-24T18:00:00Z")
    return moment.astimezone(UTC)


Instant = Annotated[datetime, BeforeValidator(_instant)]


class Role(Strict):
    """Some people and what they may do."""

    users: list[str] = Field(default_factory=list, description="users of the machine, or names of API tokens")
    groups: list[str] = Field(default_factory=list, description="groups of the machine")
    may: list[Permission] = Field(min_length=1)


class Selector(Strict):
    """What a rule or window applies to; everything that is given must fit, an empty one fits all.

    Of a plan on several hosts each is asked. A window holds the plan when it fits any of them; the rule
    of each host counts, the strictest most. A host whose ``opsmend_environment`` is not known may be in
    any environment.
    """

    remediations: list[Identifier] | None = Field(default=None, min_length=1)
    faults: list[Identifier] | None = Field(default=None, min_length=1)
    risk: list[Risk] | None = Field(default=None, min_length=1)
    environments: list[str] | None = Field(
        default=None, min_length=1, description="values of the inventory variable opsmend_environment"
    )
    groups: list[str] | None = Field(default=None, min_length=1, description="inventory groups")
    hosts: list[str] | None = Field(default=None, min_length=1, description="inventory hosts")
    confidence: Confidence = Field(default=0.0, description="at least this sure")


class RemediationRule(Strict):
    """What the agent may do by itself with the plans that fit."""

    id: Identifier
    when: Selector = Selector()
    mode: Mode = Field(
        description="observe: never; approve: ask people; auto: run. agent.mode is the ceiling"
    )
    approvals: int = Field(default=1, ge=1, le=10, description="how many people have to say yes")
    minimum_healthy: Confidence = Field(
        default=0.0, description="share of the other hosts of the target's groups that must be well"
    )
    harm: Literal["required", "not_required"] | None = Field(
        default=None,
        description="whether somebody has to suffer from the fault before it is repaired; where nothing is "
        "said: required for risk medium and high",
    )
    repeat_interrupted: bool = Field(
        default=False, description="an idempotent run that a crash interrupted may be started again"
    )
    canary: bool = Field(
        default=True,
        description="of several hosts with one fault the same remediation goes to one first, and to the "
        "rest once it has healed that",
    )


class Window(Strict):
    """A time in which nothing is started: by cron with a duration, or once from … until."""

    id: Identifier
    when: Selector = Selector()
    cron: str | None = None
    duration: PositiveDuration | None = None
    timezone: str = "UTC"
    from_: Instant | None = Field(default=None, alias="from")
    until: Instant | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Window:
        repeated = self.cron is not None and self.duration is not None
        once = self.from_ is not None and self.until is not None
        given = [self.cron, self.duration, self.from_, self.until]
        if repeated == once or sum(value is not None for value in given) != 2:
            raise ValueError("needs 'cron' and 'duration', or 'from' and 'until'")
        if self.from_ and self.until and self.from_ >= self.until:
            raise ValueError("'until' must be after 'from'")
        if self.cron is not None:
            cron_trigger(self.cron, self.timezone)
        return self

    @field_validator("timezone")
    @classmethod
    def _timezone_exists(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"there is no time zone '{name}'") from error
        return name


class Contact(Strict):
    """Whom to ask or call, and how long after the request or the first call."""

    notify: list[str] = Field(min_length=1, description="names under notify.targets in opsmend.yml")
    after: Duration = timedelta(0)


class ApprovalSection(Strict):
    """How approval is asked for."""

    expires: PositiveDuration = Field(
        default=timedelta(hours=1),
        description="how long a request waits for an answer, and a yes for the run that uses it",
    )
    contacts: list[Contact] = Field(
        default_factory=list,
        description="who is asked, one after the other; and called, until somebody takes what is for people",
    )


class StormGuard(Strict):
    """Many incidents at once: something else is going on; stop and call people."""

    incidents: int = Field(default=30, ge=2)
    within: PositiveDuration = timedelta(minutes=5)


class BlastRadius(Strict):
    """At most so many different hosts are touched in a time."""

    hosts: int = Field(default=20, ge=1)
    within: PositiveDuration = timedelta(hours=1)


class FlapGuard(Strict):
    """The same fault on the same entity, healed again and again, is not healed."""

    times: int = Field(default=3, ge=1)
    within: PositiveDuration = timedelta(hours=2)


class CircuitBreaker(Strict):
    """So many runs in a row that did not help, or may not: the remediation is not tried for a while.

    Runs whose verdict is not known yet count with them. After the reset time one run may try again.
    """

    failures: int = Field(default=3, ge=1)
    reset: PositiveDuration = timedelta(hours=1)
    pooled: bool = Field(
        default=False,
        description="one circuit for all faults and hosts; else one for each fault and kind of host, which "
        "is the groups of the inventory that it shares",
    )


class CanaryGuard(Strict):
    """How long a recovery proves that a remediation heals a fault, so that no host has to try it first."""

    proved_for: PositiveDuration = timedelta(hours=1)


class GuardSection(Strict):
    """What holds the agent back whatever the rules allow."""

    storm: StormGuard = StormGuard()
    blast_radius: BlastRadius = BlastRadius()
    flapping: FlapGuard = FlapGuard()
    circuit: CircuitBreaker = CircuitBreaker()
    canary: CanaryGuard = CanaryGuard()


class AutonomySection(Strict):
    """How much the agent may do by itself with a remediation for a fault, by what came of its runs.

    Harm takes it one rung down at once: auto, approve (people are asked), suggest (they are told, and may
    ask for it), observe.
    """

    start: Rung = Field(default="auto", description="where it begins; what the rules allow is the ceiling")
    harm: list[Literal["worse", "rollback", "relapse"]] = Field(
        default=["worse", "rollback"],
        description="what counts as harm: a run made it worse, had to be rolled back, or what it healed "
        "broke again within verify.relapse, of which guards.flapping allows a few",
    )
    runs: int = Field(default=10, ge=3, le=1000, description="so many runs since the last step, to go up")
    success: Confidence = Field(
        default=0.8, description="what the lower end of the interval of their success must reach"
    )
    raise_: Literal["ask", "tell"] = Field(
        default="ask",
        alias="raise",
        description="ask: what was earned is offered to people; tell: it goes up, and people hear of it",
    )


class PolicyFile(Strict):
    """``policy.yml``, whole. A later folder's file replaces an earlier one as a whole."""

    roles: dict[Identifier, Role]
    remediations: list[RemediationRule]
    approval: ApprovalSection = ApprovalSection()
    windows: list[Window] = Field(default_factory=list)
    guards: GuardSection = GuardSection()
    autonomy: AutonomySection = AutonomySection()

    @model_validator(mode="after")
    def _ids_are_unique(self) -> PolicyFile:
        for entries in (self.remediations, self.windows):
            ids = [entry.id for entry in entries]
            for id_ in ids:
                if ids.count(id_) > 1:
                    raise ValueError(f"two entries have the id '{id_}'")
        return self


def cron_trigger(cron: str, timezone: str) -> CronTrigger:
    """Return when a window begins. Raises ValueError for what is no cron expression."""
    try:
        return CronTrigger.from_crontab(cron, timezone=timezone)
    except ValueError as error:
        raise ValueError(
            f"'{cron}' is no cron expression (minute hour day month weekday): {error}"
        ) from error


def load_policy(folders: tuple[Path, ...], targets: Collection[str] | None = None) -> PolicyFile:
    """Read the policy of the last folder that has one.

    ``targets`` are the names that contacts may be notified by; None leaves that unchecked. Raises
    ConfigError; no policy at all is an error.
    """
    for folder in reversed(folders):
        file = folder / POLICY
        if file.is_file():
            document = read_yaml(file)
            policy = validate(PolicyFile, document)
            if targets is not None:
                _check_contacts(document, policy, targets)
            return policy
    hint = "start from the stock rules/policy.yml"
    raise ConfigError([Problem(folders[-1] / POLICY, "does not exist: nothing would be allowed", hint=hint)])


def _check_contacts(document: Document, policy: PolicyFile, targets: Collection[str]) -> None:
    problems = [
        document.problem(
            ("approval", "contacts", place, "notify"),
            f"'{name}' is not under notify.targets of the settings",
        )
        for place, contact in enumerate(policy.approval.contacts)
        for name in contact.notify
        if name not in targets
    ]
    if problems:
        raise ConfigError(problems)
