"""Arrays of time x series in, arrays of the same shape out in which a row depends on no later row.

NaN stands before a series' first sample; after it gaps are filled with the last sample, so that lags and
means have something to stand on. What was really seen is kept apart by the caller.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from agent.records import FloatArray

SEASON_DAYS = 7  # a median of so many days outvotes three of them that were disturbed
_SHORTEST_BLOCK = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When a model is fitted anew: on rows ``[:begin]``, for rows ``[begin:end]``.

    ``day`` is a day in rows. The first fit is after ``first`` rows; then the history may grow by a quarter,
    or a day at most. The rows before ``learn_until`` were given to learn from: models are fitted along them,
    which tells how well they foresee what they have not seen, and not again afterwards, or a fault in what
    follows would become normal.
    """

    rows: int
    day: int
    learn_until: int = 0
    history_days: int = 28

    def blocks(self, first: int) -> Iterator[tuple[int, int, bool]]:
        """Yield begin, end and whether to fit before."""
        begin = min(first, self.rows)
        fitted = False
        while begin < self.rows:
            end = min(begin + int(np.clip(begin // 4, _SHORTEST_BLOCK, self.day)), self.rows)
            if begin < self.learn_until < end:
                end = self.learn_until
            yield begin, end, not fitted or begin <= self.learn_until or not self.learn_until
            fitted = True
            begin = end

    def history(self, begin: int) -> slice:
        """Return the rows to fit on at ``begin``."""
        return slice(max(0, begin - self.history_days * self.day), begin)


def filled_forward(values: FloatArray) -> FloatArray:
    """Fill gaps with the last sample before them; NaN stays before the first."""
    rows = np.where(np.isfinite(values), np.arange(len(values))[:, None], 0)
    latest = np.maximum.accumulate(rows, axis=0)
    result: FloatArray = np.take_along_axis(values, latest, axis=0)
    return result


def delayed(values: FloatArray, rows: int) -> FloatArray:
    """Return what was known ``rows`` earlier."""
    if rows == 0:
        return values
    result = np.full_like(values, np.nan)
    if rows < len(values):
        result[rows:] = values[:-rows]
    return result


def moving_mean(values: FloatArray, width: int) -> FloatArray:
    """Return the mean of the last ``width`` rows that are known, the newest included."""
    known = np.isfinite(values)
    totals = _window_sum(np.where(known, values, 0.0), width)
    counts = _window_sum(known.astype(np.float64), width)
    with np.errstate(invalid="ignore", divide="ignore"):
        result: FloatArray = totals / counts
    return result


def _window_sum(values: FloatArray, width: int) -> FloatArray:
    sums = np.cumsum(values, axis=0)
    sums[width:] -= sums[:-width].copy()
    return sums


def held_peaks(scores: FloatArray, half_life: float) -> FloatArray:
    """Return the largest score so far, an earlier one halved for each ``half_life`` rows that went by."""
    decay = np.log(2.0) / half_life * np.arange(len(scores))
    with np.errstate(divide="ignore"):
        result: FloatArray = np.exp(np.maximum.accumulate(np.log(scores) + decay) - decay)
    return result


def seasonal_median(values: FloatArray, day: int) -> FloatArray:
    """Return the median of the same time of day on the last seven days, each a mean over five rows there."""
    around = moving_mean(values, 5)
    around = np.concatenate([around[2:], around[-1:], around[-1:]])
    if day < 4 or len(values) <= day:
        return np.full_like(values, np.nan)
    stacked = np.stack(
        [delayed(around, day * days) for days in range(1, SEASON_DAYS + 1) if day * days < len(values)]
    )
    return median_of_known(stacked)


def median_of_known(values: FloatArray) -> FloatArray:
    """Return the median along the first axis of what is known; NaN where nothing is."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice")
        result: FloatArray = np.nanmedian(values, axis=0)
    return result
