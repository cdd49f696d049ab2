"""``playbooks/NAME/remediation.yml``: what a remediation fixes, where, with what, and how it is proved."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from agent.config.conditions import Bound, exactly_one
from agent.config.promql import check_promql
from agent.config.scalars import Confidence, Duration, Identifier, PositiveDuration, Text
from agent.config.valid import Bounds, ValidRange, bounds_of
from agent.config.yamlfile import Strict
from agent.placeholders import PLACEHOLDER, names, unquoted_names
from agent.reasons import Reason

Companion = Annotated[str, Field(min_length=1, max_length=200)]
PlaybookName = Annotated[str, Field(pattern=r"^[a-z0-9_]+\.yml$")]
RollbackTrigger = Literal["step_failed", "not_recovered", "worse"]


class Parameter(Strict):
    """One typed input of a remediation, read from a label of the diagnosis or fixed by a default."""

    type: Literal["string", "integer", "number", "boolean"]
    from_: str | None = Field(default=None, alias="from", description="label that gives the value")
    default: str | int | float | bool | None = None
    pattern: str | None = Field(default=None, description="regular expression for the whole string")
    choices: list[str] | None = Field(default=None, min_length=1)
    minimum: float | None = None
    maximum: float | None = None
    summary: str = ""

    @model_validator(mode="after")
    def _makes_sense(self) -> Parameter:
        is_text = self.type == "string"
        if self.from_ is None and self.default is None:
            raise ValueError("needs 'from' (a label) or 'default'")
        if is_text and self.from_ and self.pattern is None and self.choices is None:
            raise ValueError("a string from a label needs 'pattern' or 'choices': labels come from outside")
        if not is_text and (self.pattern or self.choices):
            raise ValueError(f"'pattern' and 'choices' are for strings, not for {self.type}")
        if self.type not in ("integer", "number") and not (self.minimum is None and self.maximum is None):
            raise ValueError(f"'minimum' and 'maximum' are for numbers, not for {self.type}")
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ValueError(f"pattern is no regular expression: {error}") from error
        return self


class Step(Strict):
    """One playbook of the remediation."""

    name: Text
    playbook: PlaybookName
    timeout: PositiveDuration = timedelta(minutes=5)
    delay: Duration = timedelta(0)
    retries: int = Field(default=0, ge=0, le=10)
    continue_on_failure: bool = False


class QueryCheck(Bound):
    """A PromQL query whose every fresh sample must keep a bound, or which must return nothing.

    ``absent: true`` needs ``while``: a query that proves by a fresh sample that the source is alive,
    or a dead exporter would pass for a healed host.
    """

    query: str = Field(min_length=1, max_length=10_000)
    unit: str = Field(default="", max_length=32)
    valid: ValidRange | None = Field(
        default=None, description="what a value can be, where the unit does not say; others prove nothing"
    )
    absent: Literal[True] | None = None
    while_: str | None = Field(default=None, alias="while")

    @model_validator(mode="after")
    def _one_question(self) -> QueryCheck:
        exactly_one({"below": self.below, "above": self.above, "equals": self.equals, "absent": self.absent})
        if bool(self.absent) != bool(self.while_):
            raise ValueError("'absent: true' and 'while' (a query that proves the source alive) go together")
        return self

    @field_validator("query", "while_")
    @classmethod
    def _is_promql(cls, query: str | None) -> str | None:
        return None if query is None else check_query_template(query)

    @property
    def bounds(self) -> Bounds:
        """Return the least and the greatest value that a sample can have."""
        return bounds_of(self.unit, self.valid)

    def describe(self, unit: str = "") -> str:
        """Return the comparison in words."""
        return "absent" if self.absent else super().describe(unit or self.unit)


class AnomaliesCheck(Strict):
    """What the diagnosis was made from must not be seen any more."""

    anomalies: Literal["closed"]


def _check_kind(value: Any) -> str | None:
    keys = set(value) if isinstance(value, dict) else {type(value).__name__}
    if keys & {"query", "QueryCheck"}:
        return "QueryCheck"
    return "AnomaliesCheck" if keys & {"anomalies", "AnomaliesCheck"} else None


Check = Annotated[
    Annotated[QueryCheck, Tag("QueryCheck")] | Annotated[AnomaliesCheck, Tag("AnomaliesCheck")],
    Discriminator(
        _check_kind,
        custom_error_type="wrong_kind",
        custom_error_message="a check is {query: …, below|above|equals: …} or {anomalies: closed}",
    ),
]


class Verify(Strict):
    """How recovery is proved on fresh metrics.

    A check that looks at a window (``rate(…[5m])``) waits until the window lies after the run; ``within``
    is counted from there.
    """

    settle: Duration = timedelta(seconds=30)
    within: PositiveDuration = timedelta(minutes=5)
    hold: Duration = timedelta(minutes=1)
    checks: list[Check] = Field(min_length=1)
    hopeless_when: list[QueryCheck] = Field(
        default_factory=list,
        description="what shows on a sample newer than the run that the checks cannot come true any more: "
        "it did not help, at once",
    )
    relapse: Duration = Field(
        default=timedelta(hours=1),
        description="what breaks again within this time counts against the remediation",
    )

    def names(self) -> tuple[str, ...]:
        """Return the placeholders of all queries, each once."""
        return tuple(dict.fromkeys(name for _, query in self.queries() for name in names(query)))

    def queries(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield every query with where it stands under ``verify``."""
        for key, checks in (("checks", self.checks), ("hopeless_when", self.hopeless_when)):
            for index, check in enumerate(checks):
                if isinstance(check, QueryCheck):
                    for name, query in (("query", check.query), ("while", check.while_)):
                        if query:
                            yield (key, index, name), query

    @model_validator(mode="after")
    def _fits(self) -> Verify:
        if self.settle + self.hold >= self.within:
            raise ValueError("'within' must be longer than 'settle' and 'hold' together")
        return self


class Rollback(Strict):
    """What undoes the steps, and when it is run; or ``none`` with the reason why there is nothing."""

    none: Text | None = None
    playbook: PlaybookName | None = None
    timeout: PositiveDuration = timedelta(minutes=5)
    on: list[RollbackTrigger] = Field(default=["step_failed", "worse"], min_length=1)

    @model_validator(mode="after")
    def _one_of(self) -> Rollback:
        exactly_one({"none": self.none, "playbook": self.playbook})
        return self

    def wanted_for(self, reason: Reason) -> bool:
        """Return whether a run that ended with ``reason`` is to be rolled back."""
        trigger = {
            Reason.STEP_FAILED: "step_failed",
            Reason.STEP_TIMED_OUT: "step_failed",
            Reason.CHECKS_FAILED: "not_recovered",
            Reason.CHECKS_HOPELESS: "not_recovered",
            Reason.GOT_WORSE: "worse",
        }.get(reason)
        return self.playbook is not None and trigger in self.on


class Limits(Strict):
    """How much the remediation may touch, and how often, per host."""

    hosts: int = Field(
        default=1, ge=1, le=1000, description="the most hosts that a run may touch, companions included"
    )
    cooldown: Duration = timedelta(minutes=30)
    per_day: int = Field(default=6, ge=1, le=1000)


class Needs(Strict):
    """What must be on a host, or known of it, for the remediation to do its work there."""

    commands: list[Annotated[str, Field(pattern=r"^[A-Za-z0-9_.+-]+$")]] = Field(
        default_factory=list, description="programs that the host must have"
    )
    variables: list[Annotated[str, Field(pattern=r"^opsmend_[a-z0-9_]+$")]] = Field(
        default_factory=list, description="inventory variables that the host must have"
    )
    service: list[Identifier] = Field(
        default_factory=list,
        description="keys that at least one service of the inventory variable opsmend_services must have",
    )


class RemediationFile(Strict):
    """``remediation.yml``."""

    summary: Text
    fixes: list[Identifier] = Field(min_length=1)
    prevents: dict[Identifier, PositiveDuration] = Field(
        default_factory=dict,
        description="of what it fixes: how long before a fault that is foreseen it may run, by the "
        "lower end of what is left",
    )
    priority: int = Field(default=50, ge=0, le=100)
    risk: Literal["low", "medium", "high"]
    idempotent: bool
    check_mode: bool = Field(default=True, description="ansible-playbook --check gives a true preview")
    min_confidence: Confidence = 0.8
    target: str = Field(min_length=1, max_length=200)
    companions: list[Companion] = Field(
        default_factory=list,
        max_length=20,
        description="hosts or groups that a play may touch beside the target, as the balancer of its "
        "group: a name, a label of the diagnosis, or an opsmend_… variable of the target",
    )
    needs: Needs = Field(default=Needs(), description="what opsmend check looks for on its hosts")
    parameters: dict[Identifier, Parameter] = Field(default_factory=dict)
    steps: list[Step] = Field(min_length=1)
    verify: Verify
    rollback: Rollback
    limits: Limits = Limits()

    @field_validator("target")
    @classmethod
    def _names_a_label(cls, target: str) -> str:
        if not names(target):
            raise ValueError("names no label; write a template such as '{host}'")
        return target

    @model_validator(mode="after")
    def _prevents_what_it_fixes(self) -> RemediationFile:
        other = sorted(self.prevents.keys() - set(self.fixes))
        if other:
            raise ValueError(f"prevents {', '.join(other)}, which it does not fix")
        return self

    def is_for(self, fault: str, foreseen: bool) -> bool:
        """Return whether it may be run for a fault: one that is only foreseen must be named in 'prevents'."""
        return fault in (self.prevents if foreseen else self.fixes)

    @field_validator("steps")
    @classmethod
    def _names_are_unique(cls, steps: list[Step]) -> list[Step]:
        seen: set[str] = set()
        for step in steps:
            if step.name in seen:
                raise ValueError(f"two steps are named '{step.name}'")
            seen.add(step.name)
        return steps


def playbooks_of(file: RemediationFile) -> list[str]:
    """Return every playbook that a run may carry out, each once."""
    rollback = [file.rollback.playbook] if file.rollback.playbook else []
    return list(dict.fromkeys([*(step.playbook for step in file.steps), *rollback]))


def check_query_template(query: str) -> str:
    """Return a query with placeholders unchanged.

    Raises ValueError when it is not PromQL, or when a placeholder stands outside a quoted string.
    """
    bare = unquoted_names(query)
    if bare:
        raise ValueError(
            f"placeholder {{{bare[0]}}} must stand inside double quotes, so that a label stays a string"
        )
    check_promql(PLACEHOLDER.sub("x", query))
    return query
