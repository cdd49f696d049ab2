"""One check and a metric source in, whether it holds on samples newer than the run out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from agent.config.conditions import Bound
from agent.config.remediationfile import QueryCheck
from agent.placeholders import quote_for_promql
from agent.verify.freshness import oldest_sample
from agent.verify.source import MetricSource


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
