"""Samples with their time in, what each series showed at that time of day, and of the week, before out.

A day has 48 parts. For each part and series a mean over some days is kept, and beside it one for the same
part of the same weekday, as 32-bit numbers, part by part, so that a poll touches four parts and nothing
else. The daily profile is known after three days; the weekly one after a week, and it tells a Saturday from
a Friday. Beside the daily means stand the extremes that came on several days (``recurring``): a nightly job
of some minutes is lost in the mean of a half hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from agent.detect.habit import Habit
from agent.detect.recurring import Extremes
from agent.records import BoolArray, FloatArray, IntArray

PARTS = 48
WEEK_PARTS = 7 * PARTS
_PART_S = 86_400 / PARTS
_LARGEST = 1e33  # 32 bits hold the sum of some
_GROWTH = 1.5
_SETTLED = 0.9  # of a day: after so long it is known how far samples usually are from a profile
_FAR = 4.0  # usual distances from the profile: the mean of a half hour is never so far by chance
_FLOOR = 0.005  # of the level
_REFUSALS = 2
_WORST_FADES = 0.5 ** (1 / (7 * PARTS))  # in a part of a day: to a half in a week
_SMALL_LEVEL = 4.0  # spreads

_Number = TypeVar("_Number", np.float32, np.uint16, np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """What a season lets expect of each row, and how far samples usually are from it.

    ``level`` is the profile at the time; ``low`` and ``high`` are what it has in this part and those beside
    it, since what comes every day comes a little earlier or later. ``known`` says where there is something
    to expect, ``accuses`` where that is sure enough to call a sample strange that the time just before
    would not. ``spread`` is how far samples usually are from it, ``share`` the same in shares of the level,
    ``worst`` the furthest of late. ``lowest`` and ``highest`` were reached on several days, beyond all where
    that is not known. ``habit`` is what samples do now and then beside it.
    """

    level: FloatArray
    low: FloatArray
    high: FloatArray
    lowest: FloatArray
    highest: FloatArray
    spread: FloatArray
    share: FloatArray
    worst: FloatArray
    known: BoolArray
    accuses: BoolArray
    habit: Habit

    def within(self, chance: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return what is expected at least and at most, given how far an extreme is out by ``chance``."""
        return np.minimum(self.low, self.lowest + chance), np.maximum(self.high, self.highest - chance)


class Profile:
    """The mean of every row in each part of a cycle.

    ``known_after`` is in how many cycles a part must have been seen, ``memory`` over how many it is
    averaged. A day that is far from what the profile says does not change it, or a fault would become
    normal; when it is so for the third time in a row, it is the new normal.
    """

    def __init__(self, parts: int, known_after: int, memory: int, extremes: bool = False) -> None:
        self._extremes = [Extremes(parts, side) for side in (1, -1)] if extremes else []
        self._habit = Habit()
        self._parts = parts
        self._known_after = known_after
        self._memory = memory
        self._size = 0
        self._mean = np.zeros((parts, 0), np.float32)
        self._cycles = np.zeros((parts, 0), np.uint8)
        self._refused = np.zeros((parts, 0), np.uint8)
        self._total = np.zeros(0)  # of the part that is going on,
        self._samples = np.zeros(0, np.uint16)  # and of how many
        self._spread = np.zeros(0)
        self._share = np.zeros(0)
        self._worst = np.zeros(0)
        self._misses = np.zeros(0, np.uint16)  # samples that the spread was learned from
        self._part = -1
        self._day = 1.0  # samples in a day

    def fit_to(self, count: int) -> None:
        """Make room for so many rows."""
        if count > self._mean.shape[1]:
            room = int(count * _GROWTH) if self._size else count
            more = room - self._mean.shape[1]
            self._mean = _widened(self._mean, more)
            self._cycles, self._refused = _widened(self._cycles, more), _widened(self._refused, more)
            self._samples, self._misses = (
                np.concatenate([array, np.zeros(more, np.uint16)]) for array in (self._samples, self._misses)
            )
            self._total, self._spread, self._share, self._worst = (
                np.concatenate([array, np.zeros(more)])
                for array in (self._total, self._spread, self._share, self._worst)
            )
        for one in self._extremes:
            one.fit_to(count)
        self._habit.fit_to(count)
        self._size = count

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of the rows."""
        for one in self._extremes:
            one.keep(rows)
        self._habit.keep(rows)
        self._mean = np.ascontiguousarray(self._mean[:, rows])
        self._cycles = np.ascontiguousarray(self._cycles[:, rows])
        self._refused = np.ascontiguousarray(self._refused[:, rows])
        self._samples, self._misses = self._samples[rows], self._misses[rows]
        self._total, self._spread, self._share, self._worst = (
            array[rows] for array in (self._total, self._spread, self._share, self._worst)
        )
        self._size = len(rows)

    def forget(self, rows: IntArray) -> None:
        """Know nothing of these rows any more."""
        self._cycles[:, rows] = 0
        self._refused[:, rows] = 0
        for array in (self._total, self._samples, self._spread, self._share, self._worst, self._misses):
            array[rows] = 0
        for one in self._extremes:
            one.forget(rows)
        self._habit.forget(rows)

    def expected(self, at: float) -> Expected | None:
        """Return the profile at a time; None while no row has one."""
        first, second, share = self._parts_at(at)
        size, part = self._size, int(at % (self._parts * _PART_S) / _PART_S)
        beside = [(part - 1) % self._parts, part, (part + 1) % self._parts]
        cycles, mean = self._cycles[beside, :size], self._mean[beside, :size]
        known = cycles.min(0) >= self._known_after
        if not known.any():
            return None
        level = (1 - share) * self._mean[first, :size] + share * self._mean[second, :size]
        settled = self._misses[:size] >= _SETTLED * self._day
        low, high = mean.min(0).astype(np.float64), mean.max(0).astype(np.float64)
        highest, lowest = (one.recurring(beside) for one in self._extremes) if self._extremes else (high, low)
        return Expected(
            level=level.astype(np.float64),
            low=low,
            high=high,
            lowest=lowest,
            highest=highest,
            spread=self._spread[:size],
            share=self._share[:size],
            worst=self._worst[:size],
            known=known,
            accuses=known & settled,
            habit=self._habit,
        )

    def along(self, row: int, times: FloatArray) -> FloatArray:
        """Return what the profile lets expect of one row at some times; NaN where it is not known."""
        places = times % (self._parts * _PART_S) / _PART_S - 0.5
        first = np.floor(places).astype(np.intp)
        share = places - first
        first, second = first % self._parts, (first + 1) % self._parts
        known = np.minimum(self._cycles[first, row], self._cycles[second, row]) >= self._known_after
        level = (1 - share) * self._mean[first, row] + share * self._mean[second, row]
        return np.where(known, level, np.nan)

    def learn(
        self, values: FloatArray, reach: FloatArray, known: BoolArray, calm: BoolArray, at: float
    ) -> None:
        """Take in the ``known`` samples; where it is ``calm`` they also tell how far samples usually are."""
        part = int(at % (self._parts * _PART_S) / _PART_S)
        if part != self._part:
            self._end_part()
            self._part = part
        self._learn_spread(values, reach, known & calm, at)
        self._total[: self._size] += np.where(known, values, 0.0)
        samples = self._samples[: self._size]
        samples += known & (samples < np.iinfo(np.uint16).max)
        for one in self._extremes:
            one.learn(values, known)

    def _learn_spread(self, values: FloatArray, reach: FloatArray, where: BoolArray, at: float) -> None:
        season = self.expected(at)
        if season is None:
            return
        taught = where & season.known
        misses = self._misses[: self._size]
        usual = np.maximum(season.spread, np.maximum(season.share, _FLOOR) * np.abs(season.level)) + 1e-9
        # once it is settled how far samples usually are, one that is further says so slowly
        most = np.where(misses >= _SETTLED * self._day, np.minimum(3.0 * usual, 2 * reach), 2 * reach)
        away = np.abs(outside(values, season.low, season.high))
        miss = np.minimum(np.minimum(away, most), _LARGEST)
        worst = self._worst[: self._size]
        worst[:] = np.where(taught, np.maximum(worst, miss), worst)
        weight = np.maximum(1.0 / (misses + 1.0), 1.0 / self._day)
        weight = np.where(taught, weight, 0.0)
        # beside a level near nothing every miss is large
        beside = np.maximum(np.abs(season.level), _SMALL_LEVEL * season.spread) + 1e-9
        self._share[: self._size] += weight * (miss / beside - season.share)
        self._spread[: self._size] += weight * (miss - season.spread)
        misses += taught & (misses < min(self._day, np.iinfo(np.uint16).max))

    def _end_part(self) -> None:
        """Take what was seen in the part that ended into the profile."""
        if self._part >= 0:
            mean, cycles, refused = (a[self._part] for a in (self._mean, self._cycles, self._refused))
            seen = self._samples > 0
            today = self._total / np.maximum(self._samples, 1)
            away = today - mean
            usual = np.maximum(self._spread, np.maximum(self._share, _FLOOR) * np.abs(mean)) + 1e-9
            far = (cycles >= self._known_after) & (np.abs(away) > _FAR * usual)
            refuse = seen & far & (refused < _REFUSALS)
            adopt = seen & far & ~refuse
            # a cycle weighs as much as another
            share = np.where(adopt, 1.0, 1.0 / (np.minimum(cycles, self._memory - 1) + 1.0))
            mean += np.where(seen & ~refuse, share * away, 0.0).astype(np.float32)
            cycles += seen & ~refuse & (cycles < np.iinfo(np.uint8).max)
            refused[:] = np.where(refuse, refused + 1, np.where(seen, 0, refused))
            for one in self._extremes:
                one.end_part(self._part, mean)
            self._worst *= _WORST_FADES
            self._day = max(self._day, float(PARTS * self._samples.max(initial=0)))
        self._total[:] = 0.0
        self._samples[:] = 0

    def _parts_at(self, at: float) -> tuple[int, int, float]:
        """Return the two parts whose middles lie around a time, and the share of the second."""
        place = at % (self._parts * _PART_S) / _PART_S - 0.5
        first = int(np.floor(place))
        return first % self._parts, (first + 1) % self._parts, float(place - first)


class Seasons:
    """The daily and the weekly profile of every row."""

    def __init__(self) -> None:
        self.day = Profile(PARTS, known_after=3, memory=7, extremes=True)
        self.week = Profile(WEEK_PARTS, known_after=1, memory=3)

    @property
    def profiles(self) -> Sequence[Profile]:
        """Return both, the one that tells more apart last."""
        return self.day, self.week

    def fit_to(self, count: int) -> None:
        """Make room for so many rows."""
        for profile in self.profiles:
            profile.fit_to(count)

    def expected(self, at: float) -> Sequence[Expected]:
        """Return what is known at a time, the daily profile first.

        Until this part of the week was seen before, nothing is said against a sample: the first Saturday must
        not be called strange for being no Friday.
        """
        day, week = self.day.expected(at), self.week.expected(at)
        if day is None or week is None:
            return [replace(one, accuses=np.zeros_like(one.known)) for one in (day, week) if one is not None]
        return [replace(day, accuses=day.accuses & week.accuses), week]

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of the rows."""
        for profile in self.profiles:
            profile.keep(rows)

    def forget(self, rows: IntArray) -> None:
        """Know nothing of these rows any more."""
        for profile in self.profiles:
            profile.forget(rows)

    def learn(
        self, values: FloatArray, reach: FloatArray, known: BoolArray, calm: BoolArray, at: float
    ) -> None:
        """Take in the ``known`` samples; where it is ``calm`` they also tell how far samples usually are.

        ``reach`` is what a sample may say at most.
        """
        values = np.clip(values, -_LARGEST, _LARGEST)
        for profile in self.profiles:
            profile.learn(values, reach, known, calm, at)

    def along(self, row: int, times: FloatArray) -> FloatArray:
        """Return what the profiles let expect of one row at some times; NaN where they know nothing."""
        week = self.week.along(row, times)
        return np.where(np.isnan(week), self.day.along(row, times), week)


def outside(values: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Return how far values lie outside of what is expected, with the sign of the side."""
    result: FloatArray = values - np.clip(values, low, high)
    return result


def _widened(array: npt.NDArray[_Number], more: int) -> npt.NDArray[_Number]:
    return np.concatenate([array, np.zeros((len(array), more), array.dtype)], axis=1)
