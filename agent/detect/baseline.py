"""The layer for every series: how far is the newest sample from what is normal for it?

One vectorised pass over the frame. For each series a level and a spread are kept as exponentially weighted
robust estimates: a sample moves them by at most a few spreads (Huber's clipping, Huber 1964), so that a
fault does not become normal while it lasts. The spread remembers eight times as long as the level: how much
a series scatters changes over hours, and a spread that followed a fault as fast as the fault grows would
hide it. It is learned twice, as it is and as a share of the level, and the larger counts: what is busy by
day scatters more by day. Once a time of day or of the week has been seen, what it showed then (``seasons``)
is asked too. The spread is widened by what a series does now and then (``habit``). The score is the
distance in spreads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.detect.habit import Habit
from agent.detect.seasons import Seasons, outside
from agent.records import BoolArray, FloatArray, Frame, IntArray

_MEMORY = 60  # samples after which an old one counts 1/e
_SPREAD_MEMORY = 8 * _MEMORY
_CLIP = 3.0  # spreads that one sample may pull
_RELATIVE_FLOOR = 0.005  # of the level: a spread is never taken to be smaller
_ABSOLUTE_FLOOR = 1e-9
_SMALL_LEVEL = 4.0  # spreads
_MEAN_DEVIATION_TO_SIGMA = 1.2533  # of a normal distribution
_SHARPER = 0.7  # of the spread: a season that foresees so much better is believed before the level
_BEYOND = 1.5  # of the worst that was normal: edges that come a little later every day accuse nobody
_BY_CHANCE = 3.0  # spreads that an extreme is from the mean without anything happening
_USUAL = 2.0  # spreads from the season
_LARGEST = 1e100  # beyond it squares and differences overflow
_GROWTH = 1.5


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Scores of the newest column: 0 where there is a gap or too little history.

    ``level`` is what was expected, by a season where ``seasonal``; ``spread`` how far samples usually are
    from it. ``usual`` rows show what they show at this time of other days; of ``mature`` rows this time was
    seen on some other days. On ``busy`` rows something comes at about this time of other days.
    """

    score: FloatArray
    level: FloatArray
    spread: FloatArray
    judged: BoolArray
    seasonal: BoolArray
    usual: BoolArray
    mature: BoolArray
    busy: BoolArray


class Baseline:
    """Level and spread of every row of the frames it is shown.

    >>> import numpy as np
    >>> baseline = Baseline(warm_up=5)
    >>> for value in (1.0, 1.1, 0.9, 1.0, 1.1, 0.9, 1.0):
    ...     scored = baseline.score(np.array([value]), np.array([True]), at=0.0)
    >>> bool(baseline.score(np.array([9.0]), np.array([True]), at=0.0).score[0] > 10)
    True
    """

    def __init__(self, warm_up: int, seasonal: bool = True, samples: int = 1) -> None:
        """Keep nothing yet. What is scored are single values or means of so many ``samples``."""
        self._warm_up = warm_up
        self._size = 0
        self._level: FloatArray = np.empty(0)
        self._spread: FloatArray = np.empty(0)
        self._share: FloatArray = np.empty(0)  # of the level: the spread once more
        self._count: FloatArray = np.empty(0)
        self._habit = Habit(samples)
        self._seasons = Seasons() if seasonal else None

    def score(self, newest: FloatArray, learn: BoolArray, at: float) -> Scored:
        """Score one value per row, sampled at ``at`` (unix seconds), then learn where ``learn`` says so."""
        self._fit_to(len(newest))
        size = self._size
        level, count = self._level[:size], self._count[:size]
        known = np.isfinite(newest)
        values = np.clip(np.where(known, newest, level), -_LARGEST, _LARGEST)
        first = known & (count == 0)
        level[first] = values[first]
        spread = _width(self._spread[:size], self._share[:size], level)
        judged = known & (count >= self._warm_up)
        scored = self._with_seasons(values, level.copy(), spread, judged, at)
        self._learn(values, spread, known, learn, at)
        return scored

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of the rows."""
        rows = rows[rows < self._size]
        self._level, self._spread, self._share, self._count = (
            array[rows] for array in (self._level, self._spread, self._share, self._count)
        )
        self._habit.keep(rows)
        if self._seasons is not None:
            self._seasons.keep(rows)
        self._size = len(rows)

    def forget(self, rows: IntArray) -> None:
        """Learn rows from the beginning: what they show now is the new normal."""
        rows = rows[rows < self._size]
        self._count[rows] = 0
        self._spread[rows] = 0
        self._share[rows] = 0
        self._habit.forget(rows)
        if self._seasons is not None:
            self._seasons.forget(rows)

    def expected_along(self, row: int, times: FloatArray) -> FloatArray:
        """Return what the seasons let expect of one row at some times; NaN where they know nothing."""
        if self._seasons is None:
            return np.full(len(times), np.nan)
        return self._seasons.along(row, times)

    def _with_seasons(
        self, values: FloatArray, level: FloatArray, plain: FloatArray, judged: BoolArray, at: float
    ) -> Scored:
        away = values - level
        spread = self._habit.learn(away, plain, judged)
        distance = away / spread
        accused, usual, mature, busy = (np.zeros(len(values), bool) for _ in range(4))
        for season in self._seasons.expected(at) if self._seasons is not None else ():
            low, high = season.within(_BY_CHANCE * plain)
            away = outside(values, low, high)
            width = _width(season.spread, season.share, season.level)
            wide = season.habit.learn(away, width, judged & season.known)
            from_season = away / wide
            mature |= season.known
            beyond = np.maximum(high - season.high, season.low - low)
            busy |= season.known & (beyond > _USUAL * wide)
            usual |= season.known & (np.abs(from_season) < _USUAL)
            # a sample is strange when all find it so; seasons that are sharper by far decide without the
            # level, but not against what comes every day
            sharper = season.accuses & ~(busy & usual) & (wide < _SHARPER * plain)
            sharper &= np.abs(away) > _BEYOND * season.worst
            better = (sharper & ~accused) | (season.known & (np.abs(from_season) < np.abs(distance)))
            accused |= sharper
            distance = np.where(better, from_season, distance)
            level = np.where(better, season.level, level)
            spread = np.where(better, wide, spread)
        return Scored(np.where(judged, distance, 0.0), level, spread, judged, accused, usual, mature, busy)

    def _learn(
        self, values: FloatArray, spread: FloatArray, known: BoolArray, learn: BoolArray, at: float
    ) -> None:
        where = known & learn
        level, deviation, share, count = (
            array[: self._size] for array in (self._level, self._spread, self._share, self._count)
        )
        # young series learn as a plain mean does, so that the first value weighs no more than others
        young = 1.0 / (count + 1.0)
        pull = values - level
        reach = np.where(count < self._warm_up, np.inf, _CLIP * spread)
        bounded = np.where(where, np.clip(pull, -reach, reach), 0.0)
        weight = np.where(where, np.maximum(young, 1.0 / _SPREAD_MEMORY), 0.0)
        # beside a level near nothing every deviation is large
        beside = np.maximum(np.abs(level), _SMALL_LEVEL * deviation) + _ABSOLUTE_FLOOR
        share += weight * (np.abs(bounded) / beside - share)
        deviation += weight * (np.abs(bounded) - deviation)
        level += np.maximum(young, 1.0 / _MEMORY) * bounded
        count += where
        if self._seasons is not None:
            # what comes every day is normal, though each time it comes an anomaly is open
            self._seasons.learn(values, reach, known, learn, at)

    def _fit_to(self, count: int) -> None:
        if count > len(self._level):
            room = int(count * _GROWTH) if self._size else count
            self._level, self._spread, self._share, self._count = (
                np.concatenate([array[: self._size], np.zeros(room - self._size)])
                for array in (self._level, self._spread, self._share, self._count)
            )
        self._size = count
        self._habit.fit_to(count)
        if self._seasons is not None:
            self._seasons.fit_to(count)


def _width(deviation: FloatArray, share: FloatArray, level: FloatArray) -> FloatArray:
    """Return how far samples usually are from a level."""
    wider = np.maximum(deviation, share * np.abs(level))
    width: FloatArray = np.maximum(wider * _MEAN_DEVIATION_TO_SIGMA, floor_of(level))
    return width


def floor_of(level: FloatArray) -> FloatArray:
    """Return the least spread of series at some level."""
    floor: FloatArray = np.maximum(_RELATIVE_FLOOR * np.abs(level), _ABSOLUTE_FLOOR)
    return floor


def rows_to_watch(frame: Frame, watched: frozenset[str]) -> IntArray:
    """Return the rows of the signals that are watched and were answered in this poll."""
    parts = [frame.rows[signal] for signal in watched & frame.answered if signal in frame.rows]
    return np.concatenate(parts) if parts else np.empty(0, np.intp)
