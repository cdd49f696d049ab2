"""One check and a metric source in, whether it holds on samples newer than the run out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from agent.config.conditions import Bound
from agent.config.remediationfile import QueryCheck
from agent.config.valid import are_possible, why_impossible
from agent.placeholders import quote_for_promql
from agent.verify.freshness import find_stale
from agent.verify.source import MetricSource
from agent.verify.windows import longest_window


@dataclass(frozen=True, slots=True)
class Look:
    """One look at one check: holds, fails, or None when there are no fresh samples."""

    holds: bool | None
    value: float | None
    detail: str = ""


class CheckQuery:
    """A query check with its placeholders filled in, quoted. Raises KeyError when one has no value."""

    def __init__(self, check: QueryCheck, labels: Mapping[str, str]) -> None:
        self._check = check
        self.expression = quote_for_promql(check.query, labels)
        self.text = f"{self.expression} {check.describe()}"
        self.unit = check.unit
        self._alive = quote_for_promql(check.while_, labels) if check.while_ else None

    @property
    def window(self) -> timedelta:
        """Return how far back the check looks, as far as the query alone tells."""
        texts = [self.expression, self._alive] if self._alive else [self.expression]
        return max(longest_window(text) for text in texts)

    def look(self, source: MetricSource, fresh_after: datetime) -> Look:
        """Evaluate the check now; samples up to ``fresh_after`` (the source's time) do not count."""
        if self._alive is not None:
            return self._look_for_absence(source, self._alive, fresh_after)
        answer = source.query(self.expression)
        values = list(answer.values)
        if answer.partial:
            return Look(None, None, answer.partial)
        if not values:
            return Look(None, None, "no samples")
        impossible = next((one for one in values if not self._is_possible(one)), None)
        if impossible is not None:
            return Look(None, None, why_impossible(impossible, self._check.bounds))
        worst = _worst(self._check, values)
        stale = find_stale(source, self.expression, fresh_after)
        if stale is not None:
            return Look(None, worst, stale)
        return Look(_holds(self._check, worst), worst)

    def before(self, source: MetricSource, at: datetime) -> float | None:
        """Return the check's worst value as of ``at``, for comparison."""
        answer = source.query(self.expression, at)
        values = list(answer.values)
        if not values or answer.partial or not all(map(self._is_possible, values)):
            return None
        return _worst(self._check, values)

    def _is_possible(self, value: float) -> bool:
        return bool(are_possible(np.array([value]), self._check.bounds)[0])

    def _look_for_absence(self, source: MetricSource, alive: str, fresh_after: datetime) -> Look:
        proving = source.query(alive)
        proof = list(proving.values)
        stale = find_stale(source, alive, fresh_after)
        if proving.partial or not proof or stale or not all(one > 0 for one in proof):  # NaN is not either
            why = f": {stale}" if stale else ""
            return Look(None, None, f"nothing proves by a fresh sample that the source is alive{why}")
        answer = source.query(self.expression)
        if answer.partial:
            return Look(None, None, answer.partial)
        values = list(answer.values)
        return Look(not values, float(len(values)), "" if not values else f"{len(values)} still there")


def _worst(bound: Bound, values: Iterable[float]) -> float:
    """Return the value that is furthest from holding."""
    if bound.above is not None:
        return min(values)
    if bound.below is not None:
        return max(values)
    equals = bound.equals if bound.equals is not None else 0.0
    return max(values, key=lambda value: abs(value - equals))


def _holds(bound: Bound, value: float) -> bool:
    if bound.above is not None:
        return value > bound.above
    if bound.below is not None:
        return value < bound.below
    return value == bound.equals
