"""Arrays of time x series in, arrays of the same shape out in which a row depends on no later row."""

from __future__ import annotations

import numpy as np

from agent.records import FloatArray


def filled_forward(values: FloatArray) -> FloatArray:
    """Fill gaps with the last sample before them; NaN stays before the first."""
    rows = np.where(np.isfinite(values), np.arange(len(values))[:, None], 0)
    latest = np.maximum.accumulate(rows, axis=0)
    result: FloatArray = np.take_along_axis(values, latest, axis=0)
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
