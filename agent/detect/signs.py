"""Each poll's samples in, other ways of being strange than a distance out: restless, creeping, still, gone.

One sample at a time says nothing of a series that scatters more than it did, that creeps away, that stands
still though it always moved, or that is there no more. Each of these keeps a few numbers per row and gives a
strength that can be compared with the threshold for single samples. Everything is one vectorised pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from agent.detect.baseline import Baseline, Scored, floor_of
from agent.detect.habit import Habit
from agent.detect.rows import Rows
from agent.detect.silence import MOVES, equal_samples
from agent.records import BoolArray, FloatArray, IntArray

_RESTLESS_SAMPLES = 16.0  # over which steps are averaged
_RESTLESS_CLIP = 5.0  # ordinary steps that one step may count for
_RESTLESS_TIMES = 2.5  # what steps usually are, from which on a series is restless
_MEAN_TO_RMS = 0.8  # of the size of normal steps
_CALMS = 5.0 / 3.0  # how fast a restless series counts as calm again
_SMALL_LEVEL = 4.0  # ordinary steps: beside a level near nothing every step is large
_BLOCK = 16  # samples whose mean tells of creeping
_DAY_S = 86_400.0
_LONG_MEMORY = 480.0  # samples over which habits are learned
_STRONGEST = 3.0  # thresholds: standing still for longer says no more
_PRESENT = 0.95  # share of samples that must have been there for their absence to mean something
_PRESENT_SAMPLES = 120
_TELLING = 0.5  # thresholds from which on a sign may say what is normal


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameLookup:
    """What a poll could see: when, which rows' signals were answered, and the rows of each of them."""

    at: float
    watched: BoolArray
    rows: Mapping[str, IntArray]


class Restlessness:
    """Steps from sample to sample that have become large, whatever the level does."""

    def __init__(self, warm_up: int) -> None:
        self._warm_up = warm_up
        self._habit = Habit()
        self._rows = Rows(
            value=np.float64, usual=np.float64, share=np.float64, recent=np.float64, count=np.float64
        )

    def look(self, values: FloatArray, level: FloatArray, learn: BoolArray) -> FloatArray:
        """Return how large steps have become, as a multiple of what would be strange."""
        self._rows.fit_to(len(values))
        self._habit.fit_to(len(values))
        value, usual, share, recent, count = (
            self._rows[name] for name in ("value", "usual", "share", "recent", "count")
        )
        known = np.isfinite(values)
        bounded = np.clip(np.where(known, values, value), -1e100, 1e100)
        told = known & (count > 0)
        step = np.where(told, np.abs(bounded - value), 0.0)
        size = np.maximum(np.abs(level), _SMALL_LEVEL * usual) + 1e-9
        ordinary = np.maximum(np.maximum(usual, share * np.abs(level)), floor_of(level))
        teaches = told & learn & (count > self._warm_up)
        ordinary = _MEAN_TO_RMS * self._habit.learn(step, ordinary / _MEAN_TO_RMS, teaches)
        # one large step says nothing: it counts as some ordinary ones
        step = np.where(count > self._warm_up, np.minimum(step, _RESTLESS_CLIP * ordinary), step)
        recent += np.where(told, (step - recent) / np.minimum(count + 1.0, _RESTLESS_SAMPLES), 0.0)
        weight = np.maximum(1.0 / (count + 1.0), 1.0 / _LONG_MEMORY)
        usual += np.where(told & learn, weight * (step - usual), 0.0)
        share += np.where(told & learn, weight * (step / size - share), 0.0)
        count += known & (learn | (count == 0))
        value[:] = bounded
        strength = recent / (_RESTLESS_TIMES * ordinary)
        # a mean over many samples needs less hysteresis than a sample
        strength = np.where(strength < 1.0, np.maximum(1.0 - _CALMS * (1.0 - strength), 0.0), strength)
        return np.where(known & (count > self._warm_up), strength, 0.0)

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of the rows."""
        self._rows.keep(rows)
        self._habit.keep(rows)

    def forget(self, rows: IntArray) -> None:
        """Begin anew with these rows."""
        self._habit.forget(rows)
        for name in ("usual", "share", "recent", "count"):
            self._rows[name][rows] = 0.0


class Creep:
    """Means of some samples against a baseline that remembers hours where the other remembers minutes."""

    def __init__(self, warm_up: int, threshold: float) -> None:
        self._warm_up = warm_up
        self._threshold = threshold
        self._rows = Rows(
            total=np.float64, count=np.float64, score=np.float64, level=np.float64, spread=np.float64
        )
        self._samples = 0
        self._began_at = 0.0
        self._baseline: Baseline | None = None

    def look(self, values: FloatArray, learn: BoolArray, at: float) -> FloatArray:
        """Return the distance of the last whole block's mean in thresholds, with its sign.

        It is 0 where the newest sample does not bear it out: what is over is over before the block ends.
        """
        self._rows.fit_to(len(values))
        if self._samples == 0:
            self._began_at = at
            self._rows["total"][:] = 0.0
            self._rows["count"][:] = 0.0
        known = np.isfinite(values)
        # a share at once, so that no sum overflows
        self._rows["total"][:] += np.where(known, np.clip(values, -1e100, 1e100) / _BLOCK, 0.0)
        self._rows["count"][:] += known
        self._samples += 1
        if self._samples == _BLOCK:
            self._samples = 0
            self._score_block(learn, at)
        score = self._rows["score"]
        away = np.where(known, values, np.nan) - self._rows["level"]
        borne_out = away * np.sign(score) >= np.abs(score) * self._rows["spread"] / 2.0
        return np.where(borne_out, score / self._threshold, 0.0)

    def _score_block(self, learn: BoolArray, at: float) -> None:
        if self._baseline is None:
            # a day first: until it has seen one, a morning looks like nothing that ever was
            day = _DAY_S / max((at - self._began_at) * _BLOCK / (_BLOCK - 1), 1.0)
            self._baseline = Baseline(
                round(np.clip(day, self._warm_up, 10_000)), seasonal=False, samples=_BLOCK
            )
        total, count = self._rows["total"], self._rows["count"]
        enough = count >= _BLOCK / 2
        means = np.where(enough, total * (_BLOCK / np.maximum(count, 1.0)), np.nan)
        scored = self._baseline.score(means, learn, at)
        for name in ("score", "level", "spread"):
            self._rows[name][:] = getattr(scored, name)

    def expected(self) -> tuple[FloatArray, FloatArray]:
        """Return level and spread that the last block was compared with."""
        return self._rows["level"], self._rows["spread"]

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of the rows."""
        self._rows.keep(rows)
        if self._baseline is not None:
            self._baseline.keep(rows)

    def forget(self, rows: IntArray) -> None:
        """Begin anew with these rows."""
        self._rows["score"][rows] = 0.0
        if self._baseline is not None:
            self._baseline.forget(rows)


class Stillness:
    """The same value again and again, in a series that moved before."""

    def __init__(self, warm_up: int) -> None:
        self._warm_up = warm_up
        self._rows = Rows(
            value=np.float64, run=np.float64, longest=np.float64, moves=np.float64, count=np.float64
        )

    def look(self, values: FloatArray, learn: BoolArray) -> FloatArray:
        """Return for how long each row has stood still, as a multiple of what would be strange."""
        self._rows.fit_to(len(values))
        value, run, longest, moves, count = (
            self._rows[name] for name in ("value", "run", "longest", "moves", "count")
        )
        known = np.isfinite(values)
        moved = known & (values != value)
        taught = learn & known
        ended = taught & moved & (count > 0)
        longest[ended] = np.maximum(longest[ended], run[ended])
        weight = np.maximum(1.0 / (count + 1.0), 1.0 / _LONG_MEMORY)
        # while it stands still for unusually long its habit of moving is not forgotten
        teaches = taught & (moved | (run <= longest))
        moves += np.where(teaches & (count > 0), weight * (moved - moves), 0.0)
        count += taught
        run[:] = np.where(moved, 1.0, run + known)
        value[known] = values[known]
        needed = equal_samples(moves, longest)
        # a series that rests at nothing is idle; that it fell to nothing is for others to say
        tells = known & (count > self._warm_up) & (moves >= MOVES) & (values != 0.0)
        return np.where(tells, np.minimum(run / needed, _STRONGEST), 0.0)

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of the rows."""
        self._rows.keep(rows)

    def forget(self, rows: IntArray) -> None:
        """Begin anew with these rows."""
        for name in ("run", "longest", "moves", "count"):
            self._rows[name][rows] = 0.0


class Absence:
    """No sample of a series that was always there, and nothing new of its signal in its place."""

    def __init__(self, missing_after: int) -> None:
        self._missing_after = missing_after
        self._rows = Rows(present=np.float64, count=np.float64, gap=np.float64, age=np.float64)

    def look(
        self, values: FloatArray, watched: BoolArray, learn: BoolArray, rows: Mapping[str, IntArray]
    ) -> FloatArray:
        """Return for how long each row has been away, as a multiple of what would be strange.

        ``rows`` are the rows of each signal that was answered. Where as many series of a signal came as
        went, labels have changed: that is no absence.
        """
        self._rows.fit_to(len(values))
        present, count, gap, age = (self._rows[name] for name in ("present", "count", "gap", "age"))
        known = np.isfinite(values)
        weight = np.maximum(1.0 / (count + 1.0), 1.0 / _LONG_MEMORY)
        # what a gap says of a series is learned when it is over: until then it may be a fault
        present *= np.where(known & (gap > 0) & learn, (1.0 - weight) ** np.minimum(gap, 1e4), 1.0)
        gap[:] = np.where(known, 0.0, gap + watched)
        age += (known | (age > 0)) & watched
        steady = (present >= _PRESENT) & (count >= _PRESENT_SAMPLES)
        if not self._missing_after:
            return np.zeros(len(values))
        gone = watched & steady & (gap >= self._missing_after)
        for numbers in rows.values():
            if gone[numbers].any():
                new = known[numbers] & (
                    age[numbers] <= gap[numbers][gone[numbers]].max() + self._missing_after
                )
                if new.sum() >= gone[numbers].sum():
                    # replaced: forget that they were always there
                    present[numbers[gone[numbers]]] = 0.0
                    gone[numbers] = False
        taught = known & learn
        present += np.where(taught, weight * (1.0 - present), 0.0)
        count += taught
        return np.where(gone, np.minimum(gap / self._missing_after, _STRONGEST), 0.0)

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of the rows."""
        self._rows.keep(rows)

    def forget(self, rows: IntArray) -> None:
        """Begin anew with these rows."""
        for name in ("present", "count", "gap"):
            self._rows[name][rows] = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Strangeness:
    """How strange each row is, in thresholds: 1 is just enough. ``judged`` rows can be told from normal.

    ``level`` and ``spread`` are what the strongest sign compared with; ``creeping``, ``still`` and
    ``absent`` name it where it is not the distance of single samples. Of ``mature`` rows some days are known.
    """

    strength: FloatArray
    judged: BoolArray
    level: FloatArray
    spread: FloatArray
    creeping: BoolArray
    still: BoolArray
    absent: BoolArray
    mature: BoolArray


class Signs:
    """All of them together with the distance of single samples; the strongest counts."""

    def __init__(self, threshold: float, warm_up: int, missing_after: int) -> None:
        self._threshold = threshold
        self._restless = Restlessness(warm_up)
        self._creep = Creep(warm_up, threshold)
        self._still = Stillness(warm_up)
        self._absence = Absence(missing_after)

    def look(
        self, values: FloatArray, scored: Scored, side: FloatArray, learn: BoolArray, sight: FrameLookup
    ) -> Strangeness:
        """Return how strange each row is; ``side`` is 1 where only high is bad, -1 low, 0 both."""
        badness = towards(scored.score, side)
        restless = self._restless.look(values, scored.level, learn)
        restless[scored.busy & scored.usual] = 0.0  # the steps are those of what comes every day
        creep = towards(self._creep.look(values, learn, sight.at), side)
        creep[scored.usual] = 0.0  # what comes at its time of day has not crept there
        still = self._still.look(values, learn)
        absent = self._absence.look(values, sight.watched, learn, sight.rows)
        strength = np.maximum.reduce([badness / self._threshold, restless, creep, still])
        creeping = scored.judged & (creep >= _TELLING) & (creep >= strength)
        level, spread = self._creep.expected()
        return Strangeness(
            strength=np.where(scored.judged, strength, absent),
            judged=scored.judged | (absent >= 1),
            level=np.where(creeping, level, scored.level),
            spread=np.where(creeping, spread, scored.spread),
            creeping=creeping,
            still=scored.judged & (still >= 1) & (still >= strength),
            absent=absent >= 1,
            mature=scored.mature,
        )

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of the rows."""
        for sign in (self._restless, self._creep, self._still, self._absence):
            sign.keep(rows)

    def forget(self, rows: IntArray) -> None:
        """Begin anew with these rows."""
        for sign in (self._restless, self._creep, self._still, self._absence):
            sign.forget(rows)


def towards(score: FloatArray, side: FloatArray) -> FloatArray:
    """Return how far a score points to the bad side."""
    result: FloatArray = np.where(side == 0, np.abs(score), np.maximum(score * side, 0.0))
    return result
