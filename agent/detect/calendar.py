"""A moment in, its place in the local day out: which day, how far into it, whether people rest that day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo

_DAY_S = 86_400.0
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Place:
    """``day`` counts local days, ``share`` is how much of the day is over; ``rest``: weekend or holiday."""

    day: int
    share: float
    rest: bool


class LocalCalendar:
    """The days of one time zone. An hour that comes twice in autumn has its places twice."""

    def __init__(self, zone: tzinfo = UTC, holidays: Iterable[date] = ()) -> None:
        self.zone = zone
        self._holidays = frozenset(one.toordinal() for one in holidays)

    def place(self, at: float) -> Place:
        """Return the place of a moment, in unix seconds."""
        local = datetime.fromtimestamp(at, self.zone)
        day = local.toordinal()
        seconds = local.hour * 3600 + local.minute * 60 + local.second + local.microsecond / 1e6
        return Place(day, seconds / _DAY_S, self.rests(day))

    def rests(self, day: int) -> bool:
        """Return whether a day, counted as ``Place.day`` is, is a weekend's or a holiday."""
        return date.fromordinal(day).weekday() >= _SATURDAY or day in self._holidays
