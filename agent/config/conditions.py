"""The ``when`` tree of a diagnosis rule: what must be seen for its fault."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from agent.config.scalars import Duration, Identifier, Patterns, PositiveDuration, check_patterns
from agent.config.yamlfile import Strict
from agent.quantity import format_quantity
from agent.records.findings import Kind

# signals that have no query: they come from logs, or are worked out from which targets answer
LINES, TEMPLATE_LINES = "log_lines", "log_template_lines"
HOST_SEEN, HOST_SCRAPED, HOST_BACK = "host_seen", "host_scraped", "host_back"
HOST_TARGETS = "host_targets"
PROBER_WORKS = "prober_works"
NETWORK_LOST, MONITORING_SEES, MONITORED_HOSTS = "network_lost", "monitoring_sees", "monitored_hosts"
WITHOUT_QUERY = frozenset(
    {
        LINES,
        TEMPLATE_LINES,
        HOST_SEEN,
        HOST_SCRAPED,
        HOST_BACK,
        HOST_TARGETS,
        PROBER_WORKS,
        NETWORK_LOST,
        MONITORING_SEES,
        MONITORED_HOSTS,
    }
)
AnomalyKind = Literal["any", Kind]


class Bound(Strict):
    """A comparison with a number: exactly one of ``below``, ``above``, ``equals``."""

    below: float | None = None
    above: float | None = None
    equals: float | None = None

    def describe(self, unit: str = "") -> str:
        """Return the comparison in words: ``below 0.05``, or with a unit ``below 5 %``."""
        for word in ("below", "above", "equals"):
            value = getattr(self, word)
            if value is not None:
                return f"{word} {format_quantity(value, unit) if unit else f'{value:g}'}"
        return ""


class Before(Bound):
    """What the same series was at some time within ``within``: ``{above: 0.5, within: 30m}``."""

    within: PositiveDuration

    @model_validator(mode="after")
    def _one_bound(self) -> Before:
        exactly_one({"below": self.below, "above": self.above, "equals": self.equals})
        return self


class SignalCondition(Bound):
    """A signal beyond a bound, anomalous, or absent while its source answers."""

    signal: Identifier
    anomaly: AnomalyKind | None = None
    absent: Literal[True] | None = None
    for_: Duration | None = Field(default=None, alias="for")
    was: Before | None = None
    where: Patterns = Field(default_factory=dict, description="label: regular expression")

    @model_validator(mode="after")
    def _one_question(self) -> SignalCondition:
        exactly_one(
            {
                "below": self.below,
                "above": self.above,
                "equals": self.equals,
                "anomaly": self.anomaly,
                "absent": self.absent,
            }
        )
        return self

    def describe(self, unit: str = "") -> str:
        """Return the condition in words."""
        if self.absent:
            words = f"{self.signal} absent"
        elif self.anomaly:
            words = f"{self.signal} anomalous ({self.anomaly})"
        else:
            words = f"{self.signal} {super().describe(unit)}"
        return words


class AlertCondition(Strict):
    """An alert of this name that fires, as handed in by an Alertmanager."""

    alert: str = Field(min_length=1, max_length=200, description="regular expression for its whole name")
    where: Patterns = Field(default_factory=dict, description="label: regular expression")

    @field_validator("alert")
    @classmethod
    def _name_compiles(cls, alert: str) -> str:
        return check_patterns({"alertname": alert})["alertname"]


class ForecastCondition(Strict):
    """A signal that is foreseen to reach its limit: ``{forecast: filesystem_free_bytes, within: 4h}``."""

    forecast: Identifier = Field(description="id of a signal that has a limit")
    within: PositiveDuration = Field(description="the most that is left until then, at the best guess")
    where: Patterns = Field(default_factory=dict, description="label: regular expression")


class ArrivalCondition(Strict):
    """What conditions on logs and events share: how often, within what time, by whom."""

    at_least: int = Field(default=1, ge=1, le=1_000_000)
    within: PositiveDuration = timedelta(minutes=10)
    where: Patterns = Field(default_factory=dict, description="label: regular expression")


class LogCondition(ArrivalCondition):
    """Log lines that hold a text: ``{log: "No space left on device", at_least: 1, within: 10m}``."""

    log: str = Field(min_length=1, max_length=500, description="regular expression for a part of the line")

    @field_validator("log")
    @classmethod
    def _pattern_compiles(cls, log: str) -> str:
        return check_patterns({"message": log})["message"]


class LogTemplateCondition(ArrivalCondition):
    """Log lines of a kind that is new here, or that is hardly ever written."""

    log_template: Literal["new", "rare"]


class EventCondition(ArrivalCondition):
    """Events of this kind: ``{event: deployment, within: 30m}``."""

    event: str = Field(min_length=1, max_length=200, description="regular expression for its whole kind")

    @field_validator("event")
    @classmethod
    def _kind_compiles(cls, event: str) -> str:
        return check_patterns({"kind": event})["kind"]


class AllOf(Strict):
    """Every part must hold for the same entity."""

    all: list[Condition] = Field(min_length=1)


class AnyOf(Strict):
    """At least one part must hold."""

    any: list[Condition] = Field(min_length=1)


class NoneOf(Strict):
    """The part must not hold for the entity."""

    not_: Condition = Field(alias="not")


def _kind(value: Any) -> str | None:
    keys = set(value) if isinstance(value, dict) else {type(value).__name__}
    found = [tag for key, tag in _TAGS.items() if key in keys]
    return found[0] if found else None


_TAGS = {
    "all": "AllOf",
    "any": "AnyOf",
    "not": "NoneOf",
    "signal": "SignalCondition",
    "alert": "AlertCondition",
    "forecast": "ForecastCondition",
    "log": "LogCondition",
    "log_template": "LogTemplateCondition",
    "event": "EventCondition",
}
_TAGS.update({name: name for name in tuple(_TAGS.values())})

Condition = Annotated[
    Annotated[AllOf, Tag("AllOf")]
    | Annotated[AnyOf, Tag("AnyOf")]
    | Annotated[NoneOf, Tag("NoneOf")]
    | Annotated[SignalCondition, Tag("SignalCondition")]
    | Annotated[AlertCondition, Tag("AlertCondition")]
    | Annotated[ForecastCondition, Tag("ForecastCondition")]
    | Annotated[LogCondition, Tag("LogCondition")]
    | Annotated[LogTemplateCondition, Tag("LogTemplateCondition")]
    | Annotated[EventCondition, Tag("EventCondition")],
    Discriminator(
        _kind,
        custom_error_type="wrong_kind",
        custom_error_message=(
            "a condition is one of: {signal: …}, {alert: …}, {forecast: …}, {log: …}, {log_template: …}, "
            "{event: …}, {all: […]}, {any: […]}, {not: …}"
        ),
    ),
]

for _model in (AllOf, AnyOf, NoneOf):
    _model.model_rebuild()


Leaf = (
    SignalCondition
    | AlertCondition
    | ForecastCondition
    | LogCondition
    | LogTemplateCondition
    | EventCondition
)


def leaves(condition: Condition) -> Iterator[Leaf]:
    """Yield the conditions at the ends of a tree."""
    match condition:
        case AllOf():
            for part in condition.all:
                yield from leaves(part)
        case AnyOf():
            for part in condition.any:
                yield from leaves(part)
        case NoneOf():
            yield from leaves(condition.not_)
        case _:
            yield condition


def finds(condition: Condition) -> bool:
    """Return whether a condition can find somebody by itself; ``not`` only rules out whom others found."""
    return _takes(condition, lambda leaf: True)


def lasting(condition: Condition, past: Collection[str]) -> Condition | None:
    """Return what must go on for a fault to last: a condition without what it says of the past.

    That is what a series ``was``, and signals that are ``past`` by their query. None where nothing is left
    that finds anybody.
    """
    match condition:
        case AllOf():
            parts = [part for one in condition.all if (part := lasting(one, past)) is not None]
            left = condition.model_copy(update={"all": parts}) if parts else None
            return left if left is not None and finds(left) else None
        case AnyOf():
            parts = [part for one in condition.any if (part := lasting(one, past)) is not None]
            return condition.model_copy(update={"any": parts}) if parts else None
        case SignalCondition():
            if condition.signal in past:
                return None
            return condition.model_copy(update={"was": None}) if condition.was else condition
        case _:
            return condition


def foresees(condition: Condition) -> bool:
    """Return whether a condition holds of what is still to come only: never without a forecast."""
    return _takes(condition, lambda leaf: isinstance(leaf, ForecastCondition))


def _takes(condition: Condition, is_one: Callable[[Leaf], bool]) -> bool:
    """Return whether a condition never holds without a leaf of some kind; ``not`` has none."""
    match condition:
        case AllOf():
            return any(_takes(part, is_one) for part in condition.all)
        case AnyOf():
            return all(_takes(part, is_one) for part in condition.any)
        case NoneOf():
            return False
        case _:
            return is_one(condition)


def mixes(condition: Condition) -> bool:
    """Return whether one fault is found either as it is or as it is foreseen: nobody could tell which."""
    match condition:
        case AllOf():
            return any(mixes(part) for part in condition.all)
        case AnyOf():
            told = {foresees(part) for part in condition.any if finds(part)}
            return len(told) > 1 or any(mixes(part) for part in condition.any)
        case _:
            return False


def labels_fit(labels: Mapping[str, str], where: Mapping[str, str]) -> bool:
    """Return whether labels fit regular expressions, each as a whole; one that is missing is empty."""
    return all(re.fullmatch(pattern, labels.get(name, "")) for name, pattern in where.items())


def exactly_one(options: dict[str, Any]) -> None:
    """Raise ValueError unless exactly one option is given."""
    given = [name for name, value in options.items() if value is not None]
    if len(given) != 1:
        said = f"found {' and '.join(given)}" if given else "found none"
        raise ValueError(f"needs exactly one of {', '.join(options)}; {said}")
