"""Samples of one signal in, how far each host is from its own last day out, as numbers in 0..1.

The same is asked of the past, for training, and of now: a moment knows the day before it and nothing later.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agent.learn.failures.moments import Moments
from agent.records.metrics import FloatArray, IntArray

STEP_S = 600.0
PAST = 144  # steps: a day
_NEWEST = 6  # steps: an hour
_EARLIER = 36  # steps back, with which the newest hour is compared for a trend
_LEAST_PAST, _LEAST_NEWEST = 36, 3  # samples
_FAR = 8.0  # widths of the past that count as 1
_QUARTILES = 1.349  # standard deviations between them, where a series is normal
_FINE = 1e-3  # of the level: what varies less does not vary


def deviations(
    values: FloatArray, owner: IntArray, bad: str, moments: Moments, begin: float
) -> tuple[FloatArray, FloatArray]:
    """Return how far each moment's host is off its last day, and how far it moved within six hours.

    ``values`` is series x step, the first step at ``begin`` (unix seconds), ``owner`` the number of each
    series' host, ``bad`` the direction that hurts: low, high, or any other word for both. Of several series
    of a host the farthest counts; 0 where nothing is known.
    """
    off, moved = np.zeros(len(moments)), np.zeros(len(moments))
    columns = np.floor((moments.at - begin) / STEP_S).astype(np.intp)
    for column in np.unique(columns):
        if not 0 <= column < values.shape[1]:
            continue
        mine = np.flatnonzero(columns == column)
        level, trend = _at(values, int(column))
        for found, kept in ((level, off), (trend, moved)):
            farthest = np.zeros(len(moments.hosts))
            np.maximum.at(farthest, owner, _harmful(found, bad))
            kept[mine] = farthest[moments.host[mine]]
    return off, moved


def _at(values: FloatArray, column: int) -> tuple[FloatArray, FloatArray]:
    """Return level and trend of each series at a step, in widths of its last day; NaN where it has none."""
    past = values[:, max(column + 1 - PAST, 0) : max(column + 1 - _NEWEST, 0)]
    newest = values[:, max(column + 1 - _NEWEST, 0) : column + 1]
    ordered = np.sort(past, axis=1)  # NaN last
    count = (~np.isnan(past)).sum(1)
    low, middle, high = (_quantile(ordered, count, share) for share in (0.25, 0.5, 0.75))
    width = np.maximum((high - low) / _QUARTILES, _FINE * np.abs(middle) + 1e-9)
    now = _mean(newest)
    then = _mean(values[:, max(column + 1 - _EARLIER - _NEWEST, 0) : max(column + 1 - _EARLIER, 0)])
    known = count >= _LEAST_PAST
    return np.where(known, now - middle, np.nan) / width, np.where(known, now - then, np.nan) / width


def _harmful(found: FloatArray, bad: str) -> FloatArray:
    turned = {"high": found, "low": -found}.get(bad, np.abs(found))
    harmful: FloatArray = np.clip(np.nan_to_num(turned, nan=0.0) / _FAR, 0.0, 1.0)
    return harmful


def _mean(part: FloatArray) -> FloatArray:
    there = ~np.isnan(part)
    count = there.sum(1)
    mean: FloatArray = np.where(there, part, 0.0).sum(1) / np.maximum(count, 1)
    return np.where(count >= _LEAST_NEWEST, mean, np.nan)


def _quantile(ordered: FloatArray, count: IntArray, share: float) -> FloatArray:
    if not ordered.shape[1]:
        return np.full(len(ordered), np.nan)
    place = np.floor(share * np.maximum(count - 1, 0)).astype(np.intp)
    found: FloatArray = ordered[np.arange(len(ordered)), place]
    return found


def counted(times: Sequence[float], at: FloatArray, within: float) -> FloatArray:
    """Return how many of some times lie within so many seconds before each moment; five and more are 1."""
    ordered = np.sort(np.array(times, np.float64))
    until = np.searchsorted(ordered, at, side="right")
    since = np.searchsorted(ordered, at - within, side="left")
    share: FloatArray = np.clip((until - since) / 5.0, 0.0, 1.0)
    return share
