"""The layer for every series: how far is the newest sample from what is normal for it?

One vectorised pass over the frame. For each series a level and a spread are kept as exponentially
weighted robust estimates: a sample moves them by at most a few spreads (Huber's clipping, Huber 1964),
so that a fault does not become normal while it lasts. The score is the distance in spreads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.records import BoolArray, FloatArray, Frame, IntArray

_MEMORY = 60  # samples after which an old one counts 1/e
_CLIP = 3.0  # spreads that one sample may pull
_RELATIVE_FLOOR = 0.02  # of the level: a spread is never taken to be smaller
_ABSOLUTE_FLOOR = 1e-9
_MEAN_DEVIATION_TO_SIGMA = 1.2533  # of a normal distribution
_LARGEST = 1e150  # beyond it squares and differences overflow


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Scores of the newest column: 0 where there is a gap or too little history."""

    score: FloatArray
    level: FloatArray
    spread: FloatArray
    judged: BoolArray


class Baseline:
    """Level and spread of every row of the frames it is shown.

    >>> import numpy as np
    >>> baseline = Baseline(warm_up=5)
    >>> for value in (1.0, 1.1, 0.9, 1.0, 1.1, 0.9, 1.0):
    ...     scored = baseline.score(np.array([value]), np.array([True]))
    >>> bool(baseline.score(np.array([9.0]), np.array([True])).score[0] > 10)
    True
    """

    def __init__(self, warm_up: int) -> None:
        self._warm_up = warm_up
        self._level: FloatArray = np.empty(0)
        self._spread: FloatArray = np.empty(0)
        self._count: FloatArray = np.empty(0)

    def score(self, newest: FloatArray, learn: BoolArray) -> Scored:
        """Score one value per row, then learn from it where ``learn`` says so."""
        self._fit_to(len(newest))
        known = np.isfinite(newest)
        values = np.clip(np.where(known, newest, self._level), -_LARGEST, _LARGEST)
        first = known & (self._count == 0)
        self._level[first] = values[first]
        floor = np.maximum(_RELATIVE_FLOOR * np.abs(self._level), _ABSOLUTE_FLOOR)
        spread = np.maximum(self._spread * _MEAN_DEVIATION_TO_SIGMA, floor)
        distance = (values - self._level) / spread
        judged = known & (self._count >= self._warm_up)
        scored = Scored(np.where(judged, distance, 0.0), self._level.copy(), spread, judged)
        self._learn(values, spread, known & learn)
        return scored

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of the rows."""
        rows = rows[rows < len(self._level)]
        self._level, self._spread, self._count = (
            array[rows] for array in (self._level, self._spread, self._count)
        )

    def _learn(self, values: FloatArray, spread: FloatArray, where: BoolArray) -> None:
        # young series learn as a plain mean does, so that the first value weighs no more than others
        weight = np.where(where, np.maximum(1.0 / (self._count + 1.0), 1.0 / _MEMORY), 0.0)
        young = self._count < self._warm_up
        pull = values - self._level
        bounded = np.where(young, pull, np.clip(pull, -_CLIP * spread, _CLIP * spread))
        self._spread += weight * (np.abs(bounded) - self._spread)
        self._level += weight * bounded
        self._count += where

    def _fit_to(self, count: int) -> None:
        missing = count - len(self._level)
        if missing > 0:
            self._level = np.concatenate([self._level, np.zeros(missing)])
            self._spread = np.concatenate([self._spread, np.zeros(missing)])
            self._count = np.concatenate([self._count, np.zeros(missing)])


def rows_to_watch(frame: Frame, watched: frozenset[str]) -> IntArray:
    """Return the rows of the signals that are watched and were answered in this poll."""
    parts = [frame.rows[signal] for signal in watched & frame.answered if signal in frame.rows]
    return np.concatenate(parts) if parts else np.empty(0, np.intp)
