"""The extremes that each part of the day has shown on several days: a nightly job, however short.

The mean of half an hour hides a job of ten minutes. Kept are the three highest and the three lowest values
of each part of a day, fading towards the part's mean; the third of them was reached on three days.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agent.records import BoolArray, FloatArray, IntArray

_DAYS = 3
_FADES = 0.95  # of the distance from the mean, in a day
_GROWTH = 1.5


class Extremes:
    """The three furthest values of every row in each part of a day, to one side: 1 is high, -1 low."""

    def __init__(self, parts: int, side: int) -> None:
        self._side = np.float32(side)
        self._furthest = np.zeros((_DAYS, parts, 0), np.float32)  # times the side, the furthest first
        self._now = np.zeros(0, np.float32)
        self._size = 0

    def fit_to(self, count: int) -> None:
        """Make room for so many rows."""
        if count > len(self._now):
            more = (int(count * _GROWTH) if self._size else count) - len(self._now)
            parts = self._furthest.shape[1]
            none = np.full((_DAYS, parts, more), -np.inf, np.float32)
            self._furthest = np.concatenate([self._furthest, none], axis=2)
            self._now = np.concatenate([self._now, np.full(more, -np.inf, np.float32)])
        self._size = count

    def learn(self, values: FloatArray, known: BoolArray) -> None:
        """Take in the ``known`` samples of the part that is going on."""
        now = self._now[: self._size]
        np.maximum(now, (values * self._side).astype(np.float32), out=now, where=known)

    def end_part(self, part: int, mean: FloatArray) -> None:
        """Take what was seen in the part that ended into the extremes; ``mean`` is that of the part."""
        one, two, three = self._furthest[:, part]
        towards = mean * self._side
        for array in (one, two, three):
            np.copyto(array, towards + (array - towards) * np.float32(_FADES), where=np.isfinite(array))
        three[:] = np.maximum(three, np.minimum(two, self._now))
        two[:] = np.maximum(two, np.minimum(one, self._now))
        one[:] = np.maximum(one, self._now)
        self._now[:] = -np.inf

    def recurring(self, parts: Sequence[int]) -> FloatArray:
        """Return the furthest that was reached on three days in some parts; infinite where unknown."""
        result: FloatArray = (self._furthest[-1, parts, : self._size].max(0) * self._side).astype(np.float64)
        return result

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of the rows."""
        self._furthest = np.ascontiguousarray(self._furthest[:, :, rows])
        self._now = self._now[rows]
        self._size = len(rows)

    def forget(self, rows: IntArray) -> None:
        """Know nothing of these rows any more."""
        self._furthest[:, :, rows] = -np.inf
        self._now[rows] = -np.inf
