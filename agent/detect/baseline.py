"""The layer for every series: how far is the newest sample from what is normal for it?

One vectorised pass over the frame. For each series a level and a spread are kept as exponentially
weighted robust estimates: a sample moves them by at most a few spreads (Huber's clipping, Huber 1964),
so that a fault does not become normal while it lasts. Once a time of day has been seen on some days, what it
showed then (``seasons``) is asked too. The score is the distance in spreads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.detect.seasons import Seasons
from agent.records import BoolArray, FloatArray, Frame, IntArray

_MEMORY = 60  # samples after which an old one counts 1/e
_CLIP = 3.0  # spreads that one sample may pull
_RELATIVE_FLOOR = 0.02  # of the level: a spread is never taken to be smaller
_ABSOLUTE_FLOOR = 1e-9
_MEAN_DEVIATION_TO_SIGMA = 1.2533  # of a normal distribution
_LARGEST = 1e100  # beyond it squares and differences overflow
_GROWTH = 1.5


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Scores of the newest column: 0 where there is a gap or too little history.

    ``level`` is what was expected, ``spread`` how far samples usually are from it.
    """

    score: FloatArray
    level: FloatArray
    spread: FloatArray
    judged: BoolArray


class Baseline:
    """Level and spread of every row of the frames it is shown.

    >>> import numpy as np
    >>> baseline = Baseline(warm_up=5)
    >>> for value in (1.0, 1.1, 0.9, 1.0, 1.1, 0.9, 1.0):
    ...     scored = baseline.score(np.array([value]), np.array([True]), at=0.0)
    >>> bool(baseline.score(np.array([9.0]), np.array([True]), at=0.0).score[0] > 10)
    True
    """

    def __init__(self, warm_up: int) -> None:
        self._warm_up = warm_up
        self._size = 0
        self._level: FloatArray = np.empty(0)
        self._spread: FloatArray = np.empty(0)
        self._count: FloatArray = np.empty(0)
        self._seasons = Seasons()

    def score(self, newest: FloatArray, learn: BoolArray, at: float) -> Scored:
        """Score one value per row, sampled at ``at`` (unix seconds), then learn where ``learn`` says so."""
        self._fit_to(len(newest))
        size = self._size
        level, count = self._level[:size], self._count[:size]
        known = np.isfinite(newest)
        values = np.clip(np.where(known, newest, level), -_LARGEST, _LARGEST)
        first = known & (count == 0)
        level[first] = values[first]
        floor = np.maximum(_RELATIVE_FLOOR * np.abs(level), _ABSOLUTE_FLOOR)
        spread = np.maximum(self._spread[:size] * _MEAN_DEVIATION_TO_SIGMA, floor)
        judged = known & (count >= self._warm_up)
        scored = self._with_season(values, level.copy(), spread, judged, at)
        self._learn(values, spread, known & learn, at)
        return scored

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of the rows."""
        rows = rows[rows < self._size]
        self._level, self._spread, self._count = (
            array[rows] for array in (self._level, self._spread, self._count)
        )
        self._seasons.keep(rows)
        self._size = len(rows)

    def forget(self, rows: IntArray) -> None:
        """Learn rows from the beginning: what they show now is the new normal."""
        self._count[rows] = 0
        self._spread[rows] = 0
        self._seasons.forget(rows)

    def _with_season(
        self, values: FloatArray, level: FloatArray, spread: FloatArray, judged: BoolArray, at: float
    ) -> Scored:
        distance = (values - level) / spread
        season = self._seasons.expected(at)
        if season is not None:
            floor = np.maximum(_RELATIVE_FLOOR * np.abs(season.level), _ABSOLUTE_FLOOR)
            width = np.maximum(season.spread * _MEAN_DEVIATION_TO_SIGMA, floor)
            from_season = (values - season.level) / width
            # a sharper season decides alone; else a sample is strange when both find it so
            better = season.known & ((width < 0.7 * spread) | (np.abs(from_season) < np.abs(distance)))
            distance = np.where(better, from_season, distance)
            level = np.where(better, season.level, level)
            spread = np.where(better, width, spread)
        return Scored(np.where(judged, distance, 0.0), level, spread, judged)

    def _learn(self, values: FloatArray, spread: FloatArray, where: BoolArray, at: float) -> None:
        level, deviation, count = (array[: self._size] for array in (self._level, self._spread, self._count))
        # young series learn as a plain mean does, so that the first value weighs no more than others
        weight = np.where(where, np.maximum(1.0 / (count + 1.0), 1.0 / _MEMORY), 0.0)
        pull = values - level
        reach = np.where(count < self._warm_up, np.inf, _CLIP * spread)
        bounded = np.clip(pull, -reach, reach)
        deviation += weight * (np.abs(bounded) - deviation)
        level += weight * bounded
        count += where
        self._seasons.learn(values, reach, where, at)

    def _fit_to(self, count: int) -> None:
        if count > len(self._level):
            room = int(count * _GROWTH) if self._size else count
            self._level, self._spread, self._count = (
                np.concatenate([array[: self._size], np.zeros(room - self._size)])
                for array in (self._level, self._spread, self._count)
            )
        self._size = count
        self._seasons.fit_to(count)


def rows_to_watch(frame: Frame, watched: frozenset[str]) -> IntArray:
    """Return the rows of the signals that are watched and were answered in this poll."""
    parts = [frame.rows[signal] for signal in watched & frame.answered if signal in frame.rows]
    return np.concatenate(parts) if parts else np.empty(0, np.intp)
