"""How often an entity was alarming of late in, how much stranger than the threshold its series must be out.

An entity has so many alarms to spend a day. While it has spent more, the series that bring the next alarm
must be stranger from then on, until the alarms are as few as asked; when they are fewer, that is forgotten
as slowly as it was learned (the online control of a rate of Gibbs & Candès 2021). A fault alarms once however
many series show it, so that an entity with an incident a day is watched as closely as ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from agent.detect.rows import Rows
from agent.records import FloatArray, IntArray, Series

_STEP = 0.25  # by which the logarithm of what is needed rises with an alarm too many, and falls in a day
_MOST = float(np.log(2.5))  # thresholds: series that stand still or are missing say no more than three
_MOST_DEBT = 7.0  # alarms: a week's silence pays for a storm
_EVERY_S = 3600.0  # is often enough to count the time
_DAY_S = 86_400.0


class AlarmBudget:
    """What is needed of each row of the frames, in thresholds, and what each entity has spent too much."""

    def __init__(self, per_day: float) -> None:
        self._per_day = per_day
        self._rows = Rows(extra=np.float64)
        self._debts: dict[str, float] = {}
        self._counted_at: float | None = None

    def needed(self, series: Sequence[Series], at: float) -> FloatArray:
        """Return how strange each row must be to be alarming at a time (unix seconds)."""
        self._rows.fit_to(len(series))
        if self._counted_at is None or at < self._counted_at:
            self._counted_at = at  # a clock that was set back counts from there
        if at - self._counted_at >= _EVERY_S:
            self._earn(series, min(at - self._counted_at, _DAY_S) / _DAY_S)
            self._counted_at = at
        result: FloatArray = np.exp(self._rows["extra"])
        return result

    def spend(self, entity: str, rows: Iterable[int]) -> None:
        """Take note that an entity has become alarming by some rows."""
        debt = self._debts.get(entity, 0.0)
        if debt > 0:
            extra = self._rows["extra"]
            for row in rows:
                extra[row] = min(extra[row] + _STEP, _MOST)
        self._debts[entity] = min(debt + 1.0, _MOST_DEBT)

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of the rows."""
        self._rows.keep(rows)

    def _earn(self, series: Sequence[Series], days: float) -> None:
        earned = self._per_day * days
        self._debts = {entity: debt - earned for entity, debt in self._debts.items() if debt > earned}
        extra = self._rows["extra"]
        for row in np.flatnonzero(extra).tolist():
            if series[row].entity not in self._debts:
                extra[row] = max(extra[row] - _STEP * earned, 0.0)
