"""A history's samples in (rows x series), where a series says nothing out: it is missing, or it stands still.

Neither is far from anything expected, so no distance tells of it. Nothing looks ahead.
"""

from __future__ import annotations

import numpy as np

from agent.detect.causal import delayed, filled_forward, moving_mean
from agent.records import BoolArray, FloatArray, IntArray

MOVES = 0.2  # share of samples that must differ from the one before for standing still to mean something
_STILL_SAMPLES = 12  # a source that stalls repeats its last sample for minutes
_STILL_CHANCE = 1e-6  # of so many equal samples, by how often the series moved
_STILL_TIMES = 3.0  # longer than it ever stood still
_MISSING_ROWS = 5  # rows without a sample that make a series missing
_PRESENT = 0.95  # share of the last day a series must have been there to be missed
_FIRST_ROWS = 20, 100  # of a history, of which a quarter of a day lies between: too little to know a habit


def equal_samples(moves: FloatArray, longest: FloatArray) -> FloatArray:
    """Return how many equal samples in a row are strange.

    ``moves`` is the share of samples that differed from the one before, ``longest`` how often in a row the
    same was seen so far.
    """
    by_chance = np.log(_STILL_CHANCE) / np.log1p(-np.clip(moves, 1e-3, 0.999))
    result: FloatArray = np.maximum(np.maximum(by_chance, _STILL_TIMES * longest), _STILL_SAMPLES)
    return result


def missing(seen: BoolArray, day: int) -> BoolArray:
    """Return where a series that used to be there has been away for some rows, until it is back."""
    share = np.nan_to_num(moving_mean(seen.astype(np.float64), day))
    before = np.concatenate([np.zeros((_MISSING_ROWS, seen.shape[1])), share[:-_MISSING_ROWS]])[: len(seen)]
    enough = (np.arange(len(seen)) > _first(day))[:, None]
    begun = (moving_mean(seen.astype(np.float64), _MISSING_ROWS) == 0) & (before >= _PRESENT) & enough
    result: BoolArray = _newest(begun) > _newest(seen)
    return result


def standing_still(values: FloatArray, seen: BoolArray, day: int) -> FloatArray:
    """Return for how long a series that always moved has given the same sample, in what would be strange.

    A series that rests at nothing is idle, which is no standing still.
    """
    filled = filled_forward(np.where(seen, values, np.nan))
    moved = seen & (filled != delayed(filled, 1))
    since = np.maximum(_newest(moved), 0)
    count: IntArray = np.cumsum(seen, axis=0)
    run: IntArray = count - np.take_along_axis(count, since, axis=0) + 1
    longest = np.maximum.accumulate(np.where(moved, delayed(run.astype(np.float64), 1), 0.0), axis=0)
    share = np.nan_to_num(moving_mean(np.where(seen, moved, np.nan), day))
    moves = np.take_along_axis(share, since, axis=0)
    tells = seen & (since > _first(day)) & (moves >= MOVES) & (filled != 0.0)
    return np.where(tells, run / equal_samples(moves, np.nan_to_num(longest)), 0.0)


def _first(day: int) -> int:
    least, most = _FIRST_ROWS
    return max(min(day // 4, most), least)


def _newest(where: BoolArray) -> IntArray:
    """Return for each cell the newest row so far at which its column was true, -1 before."""
    rows = np.arange(len(where))[:, None]
    result: IntArray = np.maximum.accumulate(np.where(where, rows, -1), axis=0)
    return result
