"""Short windows of an entity's series in, the distance to the most alike windows of its past.

The mean distance to the k nearest neighbours (Ramaswamy et al. 2000) in a sample of the past: it sees
combinations of values that never were, where a forecast would follow them.
"""

from __future__ import annotations

import numpy as np

from agent.detect.causal import Schedule
from agent.detect.scale import moments
from agent.records import FloatArray

_LAGS = (0, 2, 5)  # rows of a window
_SAMPLE = 3000  # windows of the past to compare with: more are slower and hardly better
_NEIGHBOURS = 5
_COLUMNS = 256  # wider windows are projected down, which keeps distances (Johnson & Lindenstrauss 1984)
_FLOOR = 0.02  # of the level: a scale is never taken to be smaller
_CLIP = 10.0
_CHUNK = 2000
_SEED = 0


def neighbour_distances(values: FloatArray, schedule: Schedule) -> FloatArray:
    """Return one distance per row, in scales of the series; NaN before there is a past."""
    distances = np.full(len(values), np.nan)
    chance = np.random.default_rng(_SEED)
    for begin, end, fit in schedule.blocks(first=100):
        if fit:
            history = schedule.history(begin)
            level, spread = moments(values[history], _FLOOR)
            chosen = np.arange(history.start, begin)
            if len(chosen) > _SAMPLE:
                chosen = np.sort(chance.choice(chosen, _SAMPLE, replace=False))
            past = _windows(values, chosen, level, spread)
        rows = np.arange(begin, end)
        for part in np.array_split(rows, -(-len(rows) // _CHUNK)):
            distances[part] = _nearest(past, _windows(values, part, level, spread))
    return distances


def _windows(values: FloatArray, rows: np.ndarray, level: FloatArray, spread: FloatArray) -> np.ndarray:
    parts = [
        np.nan_to_num(np.clip((values[np.maximum(rows - lag, 0)] - level) / spread, -_CLIP, _CLIP))
        for lag in _LAGS
    ]
    windows = np.concatenate(parts, axis=1).astype(np.float32)
    if windows.shape[1] > _COLUMNS:
        mixing = np.random.default_rng(_SEED).standard_normal((windows.shape[1], _COLUMNS), np.float32)
        windows = windows @ (mixing / np.float32(np.sqrt(_COLUMNS)))
    return windows


def _nearest(past: np.ndarray, windows: np.ndarray) -> FloatArray:
    squares = (windows**2).sum(1)[:, None] + (past**2).sum(1) - 2 * windows @ past.T
    count = min(_NEIGHBOURS, len(past))
    nearest = np.partition(squares, count - 1, axis=1)[:, :count]
    result: FloatArray = np.sqrt(np.maximum(nearest, 0)).mean(1).astype(np.float64)
    return result
