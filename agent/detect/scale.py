"""Values or deviations in, the size of an ordinary one out: per series, robust enough, never near zero."""

from __future__ import annotations

import numpy as np

from agent.detect.causal import Schedule
from agent.records import FloatArray

_TAIL = 0.999  # the quantile that says how far ordinary bad moments reach
_LARGEST = 1e4  # what lies further is as strange; sums over time lose no precision to it
FLOOR = 0.05  # of the series' own scale: a deviation smaller than that matters to nobody


def moments(values: FloatArray, relative_floor: float) -> tuple[FloatArray, FloatArray]:
    """Return each column's mean and scale.

    The scale is the geometric mean of deviation and range: rare bursts widen it, without setting it.
    It is at least ``relative_floor`` of the mean. NaN counts for nothing.
    """
    known = np.isfinite(values)
    count = np.maximum(known.sum(0), 1)
    level = np.where(known, values, 0.0).sum(0) / count
    away = np.where(known, values - level, 0.0)
    reach = away.max(0, initial=0.0) - away.min(0, initial=0.0)
    floor = np.maximum(relative_floor * np.abs(level), 1e-9)
    spread = np.sqrt(np.maximum(np.sqrt((away**2).sum(0) / count), floor) * np.maximum(reach, floor))
    # a series that never moved: a tenth of its level is a large move
    return level, np.where(reach <= 0, np.maximum(0.1 * np.abs(level), 0.1), spread)


def in_own_scale(deviations: FloatArray, schedule: Schedule, values: FloatArray | None = None) -> FloatArray:
    """Divide deviations (rows x series) by what such deviations were in the past.

    The divisor lies between their root mean square and their 99.9th percentile: 1 is then rare, whatever
    the tail of the distribution. With ``values``, the series they deviate from, it is at least a share of
    the series' own scale. NaN where there is no past.
    """
    size = np.abs(deviations)
    result = np.full_like(deviations, np.nan)
    begun = np.flatnonzero(np.isfinite(size).any(1))
    start = int(begun[0]) if len(begun) else len(size)
    divisor = np.ones(size.shape[1])
    for begin, end, fit in schedule.blocks(first=start + max(schedule.day // 4, 20)):
        if fit:
            divisor = _ordinary(_settled(size, start, begin, schedule))
            if values is not None:
                divisor = np.maximum(divisor, FLOOR * moments(values[:begin], 0.0)[1])
        result[begin:end] = np.clip(deviations[begin:end] / np.maximum(divisor, 1e-12), -_LARGEST, _LARGEST)
    return result


def _settled(size: FloatArray, start: int, begin: int, schedule: Schedule) -> FloatArray:
    """Return the past without its first day when there is more: a model that knew nothing was further off."""
    oldest = max(start, schedule.history(begin).start)
    if oldest == start and begin - start > 2 * schedule.day:
        oldest += schedule.day
    return size[oldest:begin]


def _ordinary(size: FloatArray) -> FloatArray:
    known = np.isfinite(size)
    count = np.maximum(known.sum(0), 1)
    mean_square = np.sqrt((np.where(known, size, 0.0) ** 2).sum(0) / count)
    tail = np.quantile(np.where(known, size, 0.0), _TAIL, axis=0)
    result: FloatArray = np.sqrt(mean_square * np.maximum(tail, mean_square))
    return result
