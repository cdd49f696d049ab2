"""Row times in, the place of each row on an even grid out: a day is always the same number of places."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.records import FloatArray, IntArray

_FIRST_ROWS = 200  # what the sampling step is read from: a later change of it may not alter what went before
_DAY_S = 86_400.0
_EMPTY_SHARE = 3  # empty places in the grid at most, for each row so far,
_EMPTY = 1000  # and these


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeGrid:
    """``places`` ascend strictly, one for each row; ``step_s`` is the time between two of them."""

    places: IntArray
    step_s: float

    @property
    def size(self) -> int:
        """Return how many places there are."""
        return int(self.places[-1]) + 1 if len(self.places) else 0

    @property
    def day(self) -> int:
        """Return a day in places."""
        return max(round(_DAY_S / self.step_s), 1)

    def spread(self, values: FloatArray) -> FloatArray:
        """Return series x rows as places x series, NaN where there is no row."""
        result = np.full((self.size, len(values)), np.nan)
        result[self.places] = values.T
        return result


def grid_of(times: FloatArray) -> TimeGrid:
    """Place rows by their times, in unix seconds, ascending.

    A gap keeps its length, or its length modulo a week when it is longer, so that time of day and day of
    week stay right.
    """
    gaps = np.diff(times)
    step = float(np.median(gaps[:_FIRST_ROWS])) if len(gaps) else 60.0
    week = round(7 * _DAY_S / step)
    strides = np.maximum(np.round(gaps / step), 1)
    strides = np.where(strides > week, strides % week + 1, strides).astype(np.intp)
    places = np.concatenate([[0], np.cumsum(strides)]) if len(times) else np.empty(0, np.intp)
    return TimeGrid(places=_bounded(strides, places), step_s=step)


def _bounded(strides: IntArray, places: IntArray) -> IntArray:
    """Close gaps again where they would make up most of the grid: pauses between bursts need no memory."""
    allowed = _EMPTY_SHARE * np.arange(len(places)) + _EMPTY
    if (places - np.arange(len(places)) <= allowed).all():
        return places
    strides = strides.copy()
    empty = 0
    for row in np.flatnonzero(strides > 1).tolist():
        if empty + strides[row] - 1 > allowed[row + 1]:
            strides[row] = 1
        empty += int(strides[row]) - 1
    return np.concatenate([[0], np.cumsum(strides)])
