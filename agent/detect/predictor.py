"""Samples in, how far each is from what its own past foresaw out: one forecast per series, all at once.

Every series has a level, a spread, a season (``season``) and a linear forecast of its next sample from the
last two, the level, and what is usual now and was usual a sample ago, all as distances from the mean of the
last few in spreads. The weights are those of recursive least squares with forgetting (Ljung 1999), kept as
normal equations and solved anew every so many samples with a ridge towards plain persistence, so that nothing
winds up while a series rests. A sample is compared twice: with the forecast (what jumps, scatters) and with
what is usual at that time (what stays away, creeps).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.detect.calendar import Calendars
from agent.detect.rows import Rows
from agent.detect.season import Season
from agent.records import BoolArray, FloatArray, IntArray

_LEVEL_SAMPLES = 64.0  # over which a level is averaged
_SPREAD_SAMPLES = 512.0
_WEIGHT_SAMPLES = 4096.0  # that the forecast's weights remember
_SHORT_SAMPLES = 8.0
_CLIP = 3.0  # spreads, or usual errors, that one sample may pull (Huber 1964)
_MOST = 20.0  # spreads: a feature says no more
_RELATIVE_FLOOR = 0.005  # of the level: a spread is never taken to be smaller
_ABSOLUTE_FLOOR = 1e-9
_MEAN_DEVIATION_TO_SIGMA = 1.2533  # of a normal distribution
_LARGEST = 1e100  # beyond it squares and differences overflow
_FEATURES = 5
_FIRST, _SECOND = np.triu_indices(_FEATURES)
_PAIRS = len(_FIRST)
_RIDGE_SAMPLES = 30.0
_PRIOR = np.array([0.0, 0.0, 0.25, 0.25, 0.0])  # half way from the short mean to what is usual
_SOLVED_EVERY = 64  # samples
_SOLVED_FIRST = (8, 16, 32)
_GIVES_WAY_S = 14_400.0  # in which what has been strange becomes usual but for 1/e
_LONGEST_STEP_S = 900.0
_DAY_S = 86_400.0
_GAP_SAMPLES = 16.0  # usual steps without a sample after which the last ones foresee nothing


@dataclass(frozen=True, slots=True, eq=False)
class Errors:
    """How far samples are from the forecast (``now``) and from what is ``usual``, 0 where there is none.

    ``level`` and ``spread`` are what was usual; ``seasonal`` says where a season knew it; ``known`` where
    there is a sample of a series that has had some before.
    """

    now: FloatArray
    usual: FloatArray
    level: FloatArray
    spread: FloatArray
    seasonal: BoolArray
    known: BoolArray


class Predictor:
    """What is foreseen of every row."""

    def __init__(self, calendars: Calendars) -> None:
        self.season = Season(calendars)
        self.rows = Rows(
            count=np.float64,
            level=np.float64,
            spread=np.float64,
            last=(np.float64, 2),
            short=np.float64,
            usual=np.float64,  # at the last sample
            offset=np.float64,  # from what was usual, of what has been strange for long
            seen_at=np.float64,
            step=np.float64,
            error=np.float64,
            gram=(np.float32, _PAIRS),
            moment=(np.float32, _FEATURES),
            weights=(np.float32, _FEATURES),
        )

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def count(self) -> FloatArray:
        """Return how many samples each row has been learned from."""
        result: FloatArray = self.rows["count"]
        return result

    @property
    def step(self) -> FloatArray:
        """Return the usual seconds between two samples of each row, 0 where that is not known."""
        result: FloatArray = self.rows["step"]
        return result

    def fit_to(self, count: int) -> None:
        """Make room for so many rows."""
        before = len(self.rows)
        if count != before:
            self.rows.fit_to(count)
            self.rows["weights"][:, before:] = _PRIOR[:, None]
            self.season.fit_to(count)

    def look(self, values: FloatArray, calm: BoolArray, at: float) -> Errors:
        """Compare samples (NaN where there is none) of a moment with what was foreseen, and learn from them.

        Rows that are not ``calm`` show something strange: only their last samples and their season follow.
        """
        self.fit_to(len(values))
        rows = self.rows
        known = np.isfinite(values)
        values = np.where(known, np.clip(values, -_LARGEST, _LARGEST), rows["level"])
        self._begin(known, values, at)
        season, seasonal = self.season.expected(at)
        level = rows["level"] + np.where(seasonal, 0.0, rows["offset"])
        usual = np.where(np.isnan(season), level, season + np.where(seasonal, rows["offset"], 0.0))
        width = np.maximum(rows["spread"] * _MEAN_DEVIATION_TO_SIGMA, floor_of(level))
        short = rows["short"].copy()
        features = np.stack([*rows["last"], level, usual, rows["usual"]])
        features = np.clip((features - short) / width, -_MOST, _MOST)
        foreseen = short + width * (rows["weights"] * features).sum(0)
        told = known & (rows["count"] > 0)
        now = np.where(told, values - foreseen, 0.0)
        nearer = np.where(np.abs(values - usual) < np.abs(values - level), usual, level)
        expected = np.where(seasonal, usual, nearer)
        # after hours of a fault, what was usual before it is so still
        before = np.where(seasonal, season, rows["level"])
        back = told & (np.abs(values - before) < np.abs(values - expected))
        expected = np.where(back, before, expected)
        errors = Errors(now, np.where(told, values - expected, 0.0), expected, width, seasonal, told)
        self._give_way(told & ~back, calm, values - np.where(seasonal, usual, level), seasonal, at)
        rows["offset"][:] *= np.where(back, 1.0 - 1.0 / _SHORT_SAMPLES, 1.0)
        self._learn(values, told & calm, features, errors, width, short)
        self._follow(values, known, usual, at)
        return errors

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of the rows."""
        self.rows.keep(rows)
        self.season.keep(rows)

    def forget(self, rows: IntArray) -> None:
        """Learn rows from the beginning: what they show now is the new normal."""
        self.rows.forget(rows, "count", "spread", "error", "gram", "moment", "seen_at", "offset")
        self.rows["weights"][:, rows] = _PRIOR[:, None]
        self.season.forget(rows)

    def restart(self) -> None:
        """Learn anew what depends on how often samples come; level, spread and season stay known."""
        rows = self.rows
        rows.forget(np.arange(len(rows)), "gram", "moment", "seen_at", "step")
        rows["error"][:] = rows["spread"]
        rows["weights"][:] = _PRIOR[:, None]

    def _begin(self, known: BoolArray, values: FloatArray, at: float) -> None:
        """Let rows that are new, or were away for long, begin with their first sample."""
        rows = self.rows
        first = known & (rows["count"] == 0)
        rows["level"][first] = values[first]
        rows["usual"][first] = values[first]
        away = known & (at - rows["seen_at"] > _GAP_SAMPLES * rows["step"])
        rows["last"][:, away | first] = values[away | first]
        rows["short"][away | first] = values[away | first]

    def _learn(
        self,
        values: FloatArray,
        where: BoolArray,
        features: FloatArray,
        errors: Errors,
        width: FloatArray,
        short: FloatArray,
    ) -> None:
        rows = self.rows
        level = rows["level"]
        count = rows["count"]
        young = 1.0 / (count + 1.0)
        reach = np.where(count < _SOLVED_FIRST[-1], np.inf, _CLIP * width)
        pull = np.clip(values - level, -reach, reach)
        level += np.where(where, np.maximum(young, 1 / _LEVEL_SAMPLES) * pull, 0.0)
        slow = np.where(where, np.maximum(young, 1 / _SPREAD_SAMPLES), 0.0)
        rows["spread"][:] += slow * (np.abs(pull) - rows["spread"])
        reach = np.where(
            count < _SOLVED_FIRST[-1], np.inf, _CLIP * _MEAN_DEVIATION_TO_SIGMA * rows["error"] + 1e-12
        )
        error = np.clip(errors.now, -reach, reach)
        rows["error"][:] += slow * (np.abs(error) - rows["error"])
        target = np.clip((values - errors.now + error - short) / width, -_MOST, _MOST)
        weight = np.where(where, np.maximum(young, 1 / _WEIGHT_SAMPLES), 0.0).astype(np.float32)
        small = features.astype(np.float32)
        rows["gram"][:] += weight * (small[_FIRST] * small[_SECOND] - rows["gram"])
        rows["moment"][:] += weight * (small * target.astype(np.float32) - rows["moment"])
        count += where
        self._solve(where)

    def _give_way(
        self,
        known: BoolArray,
        calm: BoolArray,
        away: FloatArray,
        seasonal: BoolArray,
        at: float,
    ) -> None:
        """Let what is usual follow what has been strange for hours, and keep it once that is accepted."""
        offset = self.rows["offset"]
        since = np.minimum(at - self.rows["seen_at"], _LONGEST_STEP_S)
        offset += np.where(known & ~calm, away * np.clip(since / _GIVES_WAY_S, 0.0, 1.0), 0.0)
        offset *= np.where(known & calm & seasonal, np.maximum(1.0 - since / _DAY_S, 0.0), 1.0)
        accepted = known & calm & ~seasonal
        self.rows["level"][accepted] += offset[accepted]
        offset[accepted] = 0.0

    def _follow(self, values: FloatArray, known: BoolArray, usual: FloatArray, at: float) -> None:
        """Take in the samples themselves, strange or not."""
        rows = self.rows
        first = known & (rows["count"] == 0)
        rows["count"][first] = 1.0
        last = rows["last"]
        last[1] = np.where(known, last[0], last[1])
        last[0] = np.where(known, values, last[0])
        rows["short"][:] += np.where(known, (values - rows["short"]) / _SHORT_SAMPLES, 0.0)
        rows["usual"][:] = np.where(known, usual, rows["usual"])
        since = at - rows["seen_at"]
        timed = known & (rows["seen_at"] > 0)
        share = np.where(rows["step"] > 0, 1 / _LEVEL_SAMPLES, 1.0)
        # a gap says nothing of the usual step
        bounded = np.where(rows["step"] > 0, np.minimum(since, 2 * rows["step"]), since)
        rows["step"][:] += np.where(timed, share * (bounded - rows["step"]), 0.0)
        rows["seen_at"][known] = at
        self.season.learn(values, known, at)

    def _solve(self, where: BoolArray) -> None:
        """Solve for the weights of those rows whose turn it is."""
        count = self.rows["count"]
        turn = (count + np.arange(len(count))) % _SOLVED_EVERY == 0
        turn |= np.isin(count, _SOLVED_FIRST)
        due = np.flatnonzero(turn & where)
        if not len(due):
            return
        gram = np.empty((len(due), _FEATURES, _FEATURES))
        gram[:, _FIRST, _SECOND] = gram[:, _SECOND, _FIRST] = self.rows["gram"][:, due].T
        ridge = _RIDGE_SAMPLES / np.minimum(count[due], _WEIGHT_SAMPLES)
        gram += ridge[:, None, None] * np.eye(_FEATURES)
        moment = self.rows["moment"][:, due].T + ridge[:, None] * _PRIOR
        self.rows["weights"][:, due] = np.linalg.solve(gram, moment[..., None])[..., 0].T


def floor_of(level: FloatArray) -> FloatArray:
    """Return the least spread of series at some level."""
    floor: FloatArray = np.maximum(_RELATIVE_FLOOR * np.abs(level), _ABSOLUTE_FLOOR)
    return floor
