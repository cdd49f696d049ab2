"""Samples with their time in, what each series showed at that time of day on earlier days out.

A day has 48 parts. For each part and series a mean over some days is kept, as 32-bit numbers, part by part,
so that a poll touches two parts of it and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from agent.records import BoolArray, FloatArray, IntArray

PARTS = 48
_PART_S = 86_400 / PARTS
_MEMORY_DAYS = 7
_KNOWN_AFTER = 3  # days on which a part was seen
_LARGEST = 1e37  # what 32 bits hold, and some
_GROWTH = 1.5

_Number = TypeVar("_Number", np.float32, np.uint16, np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """What the season lets expect of each row, how far samples usually are from it, and where it is known."""

    level: FloatArray
    spread: FloatArray
    known: BoolArray


class Seasons:
    """The daily profile of every row."""

    def __init__(self) -> None:
        self._size = 0
        self._mean = np.zeros((PARTS, 0), np.float32)
        self._samples = np.zeros((PARTS, 0), np.uint16)
        self._days = np.zeros((PARTS, 0), np.uint8)
        self._spread = np.zeros(0)
        self._touched = np.zeros(0, bool)
        self._part = -1
        self._usual = 1.0  # samples in one part of one day

    def fit_to(self, count: int) -> None:
        """Make room for so many rows."""
        if count > self._mean.shape[1]:
            room = int(count * _GROWTH) if self._size else count
            more = room - self._mean.shape[1]
            self._mean = _widened(self._mean, more)
            self._samples = _widened(self._samples, more)
            self._days = _widened(self._days, more)
            self._spread = np.concatenate([self._spread, np.zeros(more)])
            self._touched = np.concatenate([self._touched, np.zeros(more, bool)])
        self._size = count

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of the rows."""
        self._mean = np.ascontiguousarray(self._mean[:, rows])
        self._samples = np.ascontiguousarray(self._samples[:, rows])
        self._days = np.ascontiguousarray(self._days[:, rows])
        self._spread, self._touched = self._spread[rows], self._touched[rows]
        self._size = len(rows)

    def forget(self, rows: IntArray) -> None:
        """Know nothing of these rows any more."""
        self._samples[:, rows] = 0
        self._days[:, rows] = 0
        self._touched[rows] = False

    def expected(self, at: float) -> Expected | None:
        """Return the profile at a time, between the middles of two parts; None while no row has one."""
        first, second, share = _parts_at(at)
        known = np.minimum(self._days[first, : self._size], self._days[second, : self._size]) >= _KNOWN_AFTER
        if not known.any():
            return None
        level = (1 - share) * self._mean[first, : self._size] + share * self._mean[second, : self._size]
        return Expected(level.astype(np.float64), self._spread[: self._size], known)

    def learn(self, values: FloatArray, reach: FloatArray, where: BoolArray, at: float) -> None:
        """Let the samples ``where`` it says pull the profile, each by ``reach`` at most."""
        values = np.clip(values, -_LARGEST, _LARGEST)
        part = int(at % 86_400 / _PART_S)
        if part != self._part:
            self._end_part()
            self._part = part
        self._learn_spread(values, reach, where, at)
        mean, samples = self._mean[part, : self._size], self._samples[part, : self._size]
        days = np.minimum(self._days[part, : self._size], _MEMORY_DAYS - 1)
        known = self._days[part, : self._size] >= 1
        pull = np.clip(values - mean, np.where(known, -reach, -np.inf), np.where(known, reach, np.inf))
        # a day weighs as much as another: when this part ends today's share of the mean is 1 / (days + 1)
        today = samples + 1.0
        weight = np.where(where, 1.0 / (today + days * np.maximum(today, self._usual)), 0.0)
        mean += (weight * pull).astype(np.float32)
        samples += where & (samples < np.iinfo(np.uint16).max)
        self._touched[: self._size] |= where

    def _learn_spread(self, values: FloatArray, reach: FloatArray, where: BoolArray, at: float) -> None:
        season = self.expected(at)
        if season is not None:
            miss = np.minimum(np.abs(values - season.level), np.where(np.isfinite(reach), 2 * reach, np.inf))
            young = season.spread == 0
            weight = np.where(where & season.known, np.where(young, 1.0, 1.0 / 240), 0.0)
            self._spread[: self._size] += weight * (np.minimum(miss, 1e100) - season.spread)

    def _end_part(self) -> None:
        """Count a day for the rows that were seen in the part that ended."""
        if self._part >= 0:
            days = self._days[self._part]
            days += self._touched & (days < np.iinfo(np.uint8).max)
            self._usual = max(float(self._samples[self._part].max(initial=1)), 1.0)
            self._samples[self._part] = 0
        self._touched[:] = False


def _widened(array: npt.NDArray[_Number], more: int) -> npt.NDArray[_Number]:
    return np.concatenate([array, np.zeros((PARTS, more), array.dtype)], axis=1)


def _parts_at(at: float) -> tuple[int, int, float]:
    """Return the two parts whose middles lie around a time, and the share of the second."""
    place = at % 86_400 / _PART_S - 0.5
    first = int(np.floor(place))
    return first % PARTS, (first + 1) % PARTS, float(place - first)
