"""One check and a metric source in, whether it holds on samples newer than the run out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import promql_parser

from agent.config.conditions import Bound
from agent.config.remediationfile import QueryCheck
from agent.placeholders import promql_escape, quote_for_promql


class Samples(Protocol):
    """What an instant query gave."""

    @property
    def values(self) -> Iterable[float]:
        """Return one value per series."""


class MetricSource(Protocol):
    """What verification needs of a source of metrics."""

    def query(self, expression: str, at: datetime | None = None) -> Samples:
        """Evaluate PromQL now or as of ``at``. Raises SourceError."""

    def now(self) -> datetime:
        """Return the source's own clock. Raises SourceError."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look at one check: holds, fails, or None when there are no fresh samples."""

    holds: bool | None
    value: float | None
    detail: str = ""


class CheckQuery:
    """A query check with its placeholders filled in, quoted."""

    def __init__(self, check: QueryCheck, labels: Mapping[str, str]) -> None:
        self._check = check
        self.expression = quote_for_promql(check.query, labels)
        self.text = f"{self.expression} {check.describe()}"
        self._alive = quote_for_promql(check.while_, labels) if check.while_ else None

    def look(self, source: MetricSource, fresh_after: datetime) -> Look:
        """Evaluate the check now; samples up to ``fresh_after`` (the source's time) do not count."""
        if self._alive is not None:
            return self._look_for_absence(source, self._alive, fresh_after)
        values = list(source.query(self.expression).values)
        if not values:
            return Look(None, None, "no samples")
        stale = oldest_sample(source, self.expression)
        if stale is None or stale <= fresh_after:
            return Look(None, values[0], "no sample newer than the run yet")
        worst = _worst(self._check, values)
        return Look(_holds(self._check, worst), worst)

    def before(self, source: MetricSource, at: datetime) -> float | None:
        """Return the check's worst value as of ``at``, for comparison."""
        values = list(source.query(self.expression, at).values)
        return _worst(self._check, values) if values else None

    def _look_for_absence(self, source: MetricSource, alive: str, fresh_after: datetime) -> Look:
        proof = list(source.query(alive).values)
        newest = oldest_sample(source, alive)
        if not proof or not all(proof) or newest is None or newest <= fresh_after:
            return Look(None, None, "nothing proves by a fresh sample that the source is alive")
        values = list(source.query(self.expression).values)
        return Look(not values, float(len(values)), "" if not values else f"{len(values)} still there")


def oldest_sample(source: MetricSource, expression: str) -> datetime | None:
    """Return the time of the oldest sample that an expression's answer now rests on.

    Each vector selector is asked for ``timestamp()``: an instant query itself answers with the time of
    the question, also when the sample behind it is five minutes old. None when a selector has none.
    """
    oldest: float | None = None
    for selector in _selectors(expression):
        times = list(source.query(f"timestamp({selector})").values)
        if not times:
            return None
        oldest = min(times) if oldest is None else min(oldest, *times)
    return None if oldest is None else datetime.fromtimestamp(oldest, UTC)


def _selectors(expression: str) -> list[str]:
    """Return the vector selectors that look at the present, written anew with quoted values."""
    found: dict[str, None] = {}

    def visit(node: promql_parser.Expr) -> bool:
        # what is shifted into the past on purpose is a comparison and needs no fresh sample
        if isinstance(node, promql_parser.VectorSelector) and not (node.offset or node.at):
            found[_write(node)] = None
        return True

    promql_parser.walk(promql_parser.parse(expression), pre_visit=visit)
    return list(found)


def _write(selector: promql_parser.VectorSelector) -> str:
    # the parser's own str() does not quote values, and a label may hold anything
    groups = [selector.matchers.matchers, *selector.matchers.or_matchers]
    written = " or ".join(
        ",".join(f'{one.name}{_OPERATORS[str(one.op)]}"{promql_escape(one.value)}"' for one in group)
        for group in groups
        if group
    )
    return f"{selector.name or ''}{{{written}}}"


_OPERATORS = {
    "MatchOp.Equal": "=",
    "MatchOp.NotEqual": "!=",
    "MatchOp.Re": "=~",
    "MatchOp.NotRe": "!~",
}


def _worst(bound: Bound, values: Iterable[float]) -> float:
    """Return the value that is furthest from holding."""
    if bound.above is not None:
        return min(values)
    if bound.below is not None:
        return max(values)
    equals = bound.equals if bound.equals is not None else 0.0
    return max(values, key=lambda value: abs(value - equals))


def _holds(bound: Bound, value: float) -> bool | None:
    if value != value:  # NaN is no measurement
        return None
    if bound.above is not None:
        return value > bound.above
    if bound.below is not None:
        return value < bound.below
    return value == bound.equals
