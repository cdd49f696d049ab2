"""Series of an incident in, the column at which it began out."""

from __future__ import annotations

import numpy as np

from agent.records.metrics import FloatArray, IntArray

_BLOCK = 1_000  # series looked at together: what fits a processor's cache is several times faster
FEWEST_BEFORE = 3  # samples; with fewer nobody can say what is normal


def find_onset(values: FloatArray, latest: int) -> int:
    """Return the column where the series change most, taken together; at most ``latest``.

    A Wilcoxon rank statistic for each split, summed over the series: no scale, no baseline and no
    distribution has to be known, and a single wild series cannot outvote the others.
    """
    length: int = values.shape[1]
    first, last = FEWEST_BEFORE, min(latest, length - 1)
    if last < first:
        return max(0, min(last, length - 1))
    splits = np.arange(first, last + 1)
    total = np.zeros(len(splits))
    for block in range(0, len(values), _BLOCK):
        total += _power(values[block : block + _BLOCK], splits)
    return int(splits[int(np.argmax(total))])


def _power(values: FloatArray, splits: IntArray) -> FloatArray:
    """Return, for each split, the squared difference of mean ranks, summed over the series."""
    ranks = _ranks(values)
    filled = np.where(np.isnan(ranks), 0.0, ranks)
    known = ~np.isnan(ranks)
    sums, counts = np.cumsum(filled, axis=1), np.cumsum(known, axis=1)
    left, left_sum = counts[:, splits - 1], sums[:, splits - 1]
    right, right_sum = counts[:, -1:] - left, sums[:, -1:] - left_sum
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = right_sum / right - left_sum / left
        power = gap**2 * left * right / (left + right)
    total: FloatArray = np.nansum(power, axis=0)
    return total


def _ranks(values: FloatArray) -> FloatArray:
    """Return ranks in -0.5..0.5 per row, ties alike, NaN kept."""
    order = np.argsort(values, axis=1)  # NaN goes last
    ordered = np.take_along_axis(values, order, axis=1)
    length: int = values.shape[1]
    new = np.ones(values.shape, dtype=bool)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    position = np.arange(length)
    begin = np.maximum.accumulate(np.where(new, position, 0), axis=1)
    ends = np.ones(values.shape, dtype=bool)
    ends[:, :-1] = new[:, 1:]
    finish = np.minimum.accumulate(np.where(ends, position, length)[:, ::-1], axis=1)[:, ::-1]
    ranks: FloatArray = np.empty(values.shape)
    np.put_along_axis(ranks, order, (begin + finish) / 2, axis=1)
    known = (~np.isnan(values)).sum(axis=1, keepdims=True)
    ranks = ranks / np.maximum(known - 1, 1) - 0.5
    ranks[np.isnan(values)] = np.nan
    return ranks
