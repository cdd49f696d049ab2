"""Samples with their time in, what each series shows at that time of comparable days out.

A day has 144 slots of ten minutes; of each the mean is kept for two weeks, as 32-bit numbers. What is usual
is the median over the days of the same kind (workdays, or weekends and holidays), once three of them are
known: a fault on one day does not show in it, and what comes every day does. Until then it is the median over
all days, which may excuse a sample and not accuse it: a first Saturday is not strange for being no Friday.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agent.detect.calendar import LocalCalendar, Place
from agent.detect.rows import Rows
from agent.records import BoolArray, FloatArray, IntArray

SLOTS = 144
DAYS = 14
_KNOWN_DAYS = 3
_ALONG_S = 300.0  # every slot, in every time zone, is made up of such parts
_LARGEST = 1e33  # 32 bits hold the sum of some


class Season:
    """The last two weeks of every row, slot by slot."""

    def __init__(self, calendar: LocalCalendar) -> None:
        self._calendar = calendar
        self._days: dict[int, Rows] = {}  # by the number of the day
        self._now = Rows(total=np.float64, samples=np.float64)
        self.slot: tuple[int, int] | None = None  # day and slot that ``_now`` adds up
        self._around: tuple[tuple[int, int], tuple[int, int]] | None = None
        # at the middles of the two slots around; whether days of the same kind say so
        self._usual = Rows(first=np.float64, second=np.float64, sure=np.bool_)

    def fit_to(self, count: int) -> None:
        """Make room for so many rows."""
        before = len(self._now)
        if count == before:
            return
        self._now.fit_to(count)
        self._usual.fit_to(count)
        for name in ("first", "second"):
            self._usual[name][before:] = np.nan
        for day in self._days.values():
            day.fit_to(count)
            day["mean"][:, before:] = np.nan

    def expected(self, at: float) -> tuple[FloatArray, BoolArray]:
        """Return what is usual at a moment, NaN where that is not known, and where it is sure."""
        place = self._calendar.place(at)
        position = place.share * SLOTS - 0.5
        around = _beside(place.day, int(np.floor(position)))
        if around != self._around:
            self._look_up(around)
        share = position - np.floor(position)
        first, second = self._usual["first"], self._usual["second"]
        between = (1 - share) * first + share * second
        # samples that are further apart than slots leave every other one empty
        usual = np.where(np.isnan(between), np.where(np.isnan(first), second, first), between)
        return usual, self._usual["sure"]

    def along(self, row: int, times: FloatArray) -> FloatArray:
        """Return what is usual of one row at some moments."""
        moments, places = np.unique(times // _ALONG_S, return_inverse=True)
        usual = np.full(len(moments), np.nan)
        known: dict[tuple[int, int], float] = {}
        for number, moment in enumerate(moments.tolist()):
            slot = _slot_of(self._calendar.place((moment + 0.5) * _ALONG_S))
            if slot not in known:
                known[slot] = float(self._median(slot, np.array([row]))[0][0])
            usual[number] = known[slot]
        result: FloatArray = usual[places]
        return result

    def learn(self, values: FloatArray, known: BoolArray, at: float) -> None:
        """Take in the ``known`` samples of a moment that is not before the last one."""
        place = self._calendar.place(at)
        slot = _slot_of(place)
        if slot != self.slot:
            self._end_slot()
            self.slot = slot
        self._now["total"][:] += np.where(known, np.clip(values, -_LARGEST, _LARGEST), 0.0)
        self._now["samples"][:] += known

    @property
    def days(self) -> Sequence[int]:
        """Return the days that something is kept of."""
        return list(self._days)

    @property
    def now(self) -> Rows:
        """Return what adds up to the slot that is going on."""
        return self._now

    def day(self, day: int) -> np.ndarray:
        """Return the means of a day, slot x row. Raises KeyError."""
        means: np.ndarray = self._days[day]["mean"]
        return means

    def begin_day(self, day: int) -> None:
        """Make room for a day, and forget those that are too old beside it."""
        for old in [one for one in self._days if not day - DAYS < one < day + DAYS]:
            del self._days[old]
        if day not in self._days:
            self._around = None
            rows = Rows(mean=(np.float32, SLOTS))
            rows.fit_to(len(self._now))
            rows["mean"][:] = np.nan
            self._days[day] = rows

    def copy(self, source: int, row: int) -> None:
        """Let a row know the days of another."""
        self._around = None
        for day in self._days.values():
            day["mean"][:, row] = day["mean"][:, source]

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of the rows."""
        for one in (self._now, self._usual, *self._days.values()):
            one.keep(rows)

    def forget(self, rows: IntArray) -> None:
        """Know nothing of these rows any more."""
        self._now.forget(rows)
        for name in ("first", "second"):
            self._usual[name][rows] = np.nan
        for day in self._days.values():
            day["mean"][:, rows] = np.nan

    def _end_slot(self) -> None:
        if self.slot is None:
            return
        day, slot = self.slot
        samples = self._now["samples"]
        self.begin_day(day)
        seen = samples > 0
        self._days[day]["mean"][slot, seen] = self._now["total"][seen] / samples[seen]
        self._now["total"][:] = 0.0
        self._now["samples"][:] = 0.0

    def _look_up(self, around: tuple[tuple[int, int], tuple[int, int]]) -> None:
        everything = np.arange(len(self._now))
        if self._around is not None and around[0] == self._around[1]:
            self._usual["first"][:] = self._usual["second"]
        else:
            self._usual["first"][:] = self._median(around[0], everything)[0]
        self._usual["second"][:], self._usual["sure"][:] = self._median(around[1], everything)
        self._around = around

    def _median(self, slot: tuple[int, int], rows: IntArray) -> tuple[FloatArray, BoolArray]:
        """Return the median of a slot over earlier days, of the same kind where enough of them are known."""
        number, place = slot
        rest = self._calendar.rests(number)
        days = [(day, one["mean"][place]) for day, one in self._days.items() if day < number]
        alike = [means for day, means in days if self._calendar.rests(day) == rest]
        middle, count = _median_of(alike, rows)
        sure = count >= _KNOWN_DAYS
        if sure.all():
            return middle, sure
        others, known = _median_of([means for _, means in days], rows)
        return np.where(sure, middle, np.where(known >= _KNOWN_DAYS, others, np.nan)), sure


def _slot_of(place: Place) -> tuple[int, int]:
    return place.day, min(int(place.share * SLOTS), SLOTS - 1)


def _beside(day: int, slot: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return a slot and the next, which may lie in the days beside."""
    first = (day, slot) if slot >= 0 else (day - 1, slot + SLOTS)
    second = (day, slot + 1) if slot + 1 < SLOTS else (day + 1, 0)
    return first, second


def _median_of(days: Sequence[np.ndarray], rows: IntArray) -> tuple[FloatArray, IntArray]:
    """Return the median over days that are known (NaN where none is), and how many these are."""
    if not days:
        return np.full(len(rows), np.nan), np.zeros(len(rows), np.intp)
    values = np.sort(np.stack(days)[:, rows], axis=0)  # NaN goes last
    count = np.isfinite(values).sum(0)
    columns = np.arange(len(rows))
    low, high = np.maximum((count - 1) // 2, 0), np.minimum(count // 2, len(days) - 1)
    return (values[low, columns].astype(np.float64) + values[high, columns]) / 2, count
