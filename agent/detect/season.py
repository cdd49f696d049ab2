"""Samples with their time in, what each series shows at that time of comparable days out.

A day has 144 slots of ten minutes, in local time; of each the mean is kept for two weeks, as 32-bit numbers.
What is usual is the median over the days of the same kind (workdays, or weekends and holidays), once three of
them are known: a fault on one day does not show in it, and what comes every day does. Until then it is the
median over all days, which may excuse a sample and not accuse it: a first Saturday is not strange for being
no Friday.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from agent.detect.calendar import SLOT_S, SLOTS, Calendars, LocalCalendar, Place
from agent.detect.rows import Rows
from agent.records import BoolArray, FloatArray, IntArray

DAYS = 14
_KNOWN_DAYS = 3
_LARGEST = 1e33  # 32 bits hold the sum of some


class Season:
    """The last two weeks of every row, slot by slot.

    Slots begin at the same moments for all rows; which of which day they are depends on a row's calendar.
    """

    def __init__(self, calendars: Calendars) -> None:
        self._calendars = calendars
        self._days: dict[int, Rows] = {}  # by the number of the local day
        self.slot: int | None = None  # that ``now`` adds up, counted since 1970
        self.now = Rows(total=np.float64, samples=np.float64)
        self._calendar = Rows(number=np.intp)
        self._around: int | None = None  # the first of the two slots around
        # what is usual at their middles; whether days of the same kind say so
        self._usual = Rows(first=np.float64, second=np.float64, sure=np.bool_)

    @property
    def days(self) -> Sequence[int]:
        """Return the days that something is kept of."""
        return list(self._days)

    def fit_to(self, count: int) -> None:
        """Make room for so many rows."""
        before = len(self.now)
        if count == before:
            return
        self.now.fit_to(count)
        self._calendar.fit_to(count)
        self._usual.fit_to(count)
        for name in ("first", "second"):
            self._usual[name][before:] = np.nan
        for day in self._days.values():
            day.fit_to(count)
            day["mean"][:, before:] = np.nan

    def assign(self, row: int, calendar: int) -> None:
        """Let a row go by another calendar of all."""
        self._calendar["number"][row] = calendar

    def expected(self, at: float) -> tuple[FloatArray, BoolArray]:
        """Return what is usual at a moment, NaN where that is not known, and where it is sure."""
        position = at / SLOT_S - 0.5
        around = int(np.floor(position))
        if around != self._around:
            self._look_up(around)
        share = position - around
        first, second = self._usual["first"], self._usual["second"]
        between = (1 - share) * first + share * second
        # samples that are further apart than slots leave every other one empty
        usual = np.where(np.isnan(between), np.where(np.isnan(first), second, first), between)
        return usual, self._usual["sure"]

    def along(self, row: int, times: FloatArray) -> FloatArray:
        """Return what is usual of one row at some moments."""
        calendar = self._calendars.all[int(self._calendar["number"][row])]
        slots, places = np.unique(times // SLOT_S, return_inverse=True)
        rows = np.array([row])
        usual = [self._median(_place(calendar, int(slot)), rows, calendar)[0][0] for slot in slots.tolist()]
        return np.array(usual, np.float64)[places]

    def learn(self, values: FloatArray, known: BoolArray, at: float) -> None:
        """Take in the ``known`` samples of a moment that is not before the last one."""
        slot = int(at // SLOT_S)
        if slot != self.slot:
            self._end_slot()
            self.slot = slot
        self.now["total"][:] += np.where(known, np.clip(values, -_LARGEST, _LARGEST), 0.0)
        self.now["samples"][:] += known

    def day(self, day: int) -> np.ndarray:
        """Return the means of a day, slot x row. Raises KeyError."""
        means: np.ndarray = self._days[day]["mean"]
        return means

    def begin_day(self, day: int) -> None:
        """Make room for a day."""
        if day not in self._days:
            self._around = None
            rows = Rows(mean=(np.float32, SLOTS))
            rows.fit_to(len(self.now))
            rows["mean"][:] = np.nan
            self._days[day] = rows

    def copy(self, source: int, row: int) -> None:
        """Let a row know the days of another."""
        self._around = None
        for day in self._days.values():
            day["mean"][:, row] = day["mean"][:, source]

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of the rows."""
        for one in (self.now, self._calendar, self._usual, *self._days.values()):
            one.keep(rows)

    def forget(self, rows: IntArray) -> None:
        """Know nothing of these rows any more."""
        self.now.forget(rows)
        for name in ("first", "second"):
            self._usual[name][rows] = np.nan
        for day in self._days.values():
            day["mean"][:, rows] = np.nan

    def _by_calendar(self) -> Iterator[tuple[LocalCalendar, IntArray]]:
        """Yield each calendar with its rows."""
        number = self._calendar["number"]
        for place, calendar in enumerate(self._calendars.all):
            rows = np.flatnonzero(number == place)
            if len(rows):
                yield calendar, rows

    def _end_slot(self) -> None:
        if self.slot is None:
            return
        samples = self.now["samples"]
        means = self.now["total"] / np.maximum(samples, 1.0)
        going_on = []
        for calendar, rows in self._by_calendar():
            day, slot = _place(calendar, self.slot)
            going_on.append(day)
            self.begin_day(day)
            seen = rows[samples[rows] > 0]
            self._days[day]["mean"][slot, seen] = means[seen]
        self.now["total"][:] = 0.0
        samples[:] = 0.0
        # somewhere it is tomorrow already, and elsewhere still needs the oldest day
        if going_on:
            self._forget_days(min(going_on) - DAYS, max(going_on) + DAYS)

    def _forget_days(self, first: int, last: int) -> None:
        """Forget days that are not between these."""
        for old in [one for one in self._days if not first < one < last]:
            del self._days[old]

    def _look_up(self, around: int) -> None:
        usual = self._usual
        if self._around == around - 1:
            usual["first"][:] = usual["second"]
        for calendar, rows in self._by_calendar():
            if self._around != around - 1:
                usual["first"][rows] = self._median(_place(calendar, around), rows, calendar)[0]
            usual["second"][rows], usual["sure"][rows] = self._median(
                _place(calendar, around + 1), rows, calendar
            )
        self._around = around

    def _median(self, place: Place, rows: IntArray, calendar: LocalCalendar) -> tuple[FloatArray, BoolArray]:
        """Return the median of a slot over earlier days, of the same kind where enough of them are known."""
        number, slot = place
        rest = calendar.rests(number)
        days = [(day, one["mean"][slot]) for day, one in self._days.items() if day < number]
        alike = [means for day, means in days if calendar.rests(day) == rest]
        middle, count = _median_of(alike, rows)
        sure = count >= _KNOWN_DAYS
        if sure.all():
            return middle, sure
        others, known = _median_of([means for _, means in days], rows)
        return np.where(sure, middle, np.where(known >= _KNOWN_DAYS, others, np.nan)), sure


def _place(calendar: LocalCalendar, slot: int) -> Place:
    return calendar.place((slot + 0.5) * SLOT_S)


def _median_of(days: Sequence[np.ndarray], rows: IntArray) -> tuple[FloatArray, IntArray]:
    """Return the median over days that are known (NaN where none is), and how many these are."""
    if not days:
        return np.full(len(rows), np.nan), np.zeros(len(rows), np.intp)
    values = np.sort(np.stack([means[rows] for means in days]), axis=0)  # NaN goes last
    count = np.isfinite(values).sum(0)
    columns = np.arange(len(rows))
    low, high = np.maximum((count - 1) // 2, 0), np.minimum(count // 2, len(days) - 1)
    return (values[low, columns].astype(np.float64) + values[high, columns]) / 2, count
