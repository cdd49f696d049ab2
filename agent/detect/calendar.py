"""A moment in, its place in the local day out: which day, which slot of it, whether people rest that day."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime, tzinfo
from zoneinfo import ZoneInfo

from agent.instance import canonical_host
from agent.log import Logger

log = Logger("detect")

SLOTS = 144  # of ten minutes; in every time zone one begins with the hour, or near it
SLOT_S = 600.0
_SATURDAY = 5

Place = tuple[int, int]
"""A local day, counted as ``date.toordinal`` does, and a slot of it."""


class LocalCalendar:
    """The days of one time zone. An hour that comes twice in autumn has its places twice.

    >>> LocalCalendar().place(0.0)
    (719163, 0)
    """

    def __init__(self, zone: tzinfo = UTC, holidays: Callable[[], Collection[date]] = frozenset) -> None:
        self._zone = zone
        self._holidays = holidays

    def place(self, at: float) -> Place:
        """Return the place of a moment, in unix seconds."""
        local = datetime.fromtimestamp(at, self._zone)
        return local.toordinal(), int((local.hour * 3600 + local.minute * 60 + local.second) // SLOT_S)

    def rests(self, day: int) -> bool:
        """Return whether a day is a weekend's or a holiday."""
        on = date.fromordinal(day)
        return on.weekday() >= _SATURDAY or on in self._holidays()


class Calendars:
    """The calendar of every series: that of its host's time zone where one is known, else one for all.

    ``zones`` gives the time zone of hosts by name, the same mapping while nothing has changed.
    """

    def __init__(
        self,
        zone: tzinfo = UTC,
        holidays: Callable[[], Collection[date]] = frozenset,
        zones: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._holidays = holidays
        self._zones = zones
        self._known: Mapping[str, str] = {}
        self._numbers: dict[str, int] = {}
        self.all: list[LocalCalendar] = [LocalCalendar(zone, holidays)]

    def have_changed(self) -> bool:
        """Return whether hosts have other time zones than at the last question."""
        zones = self._zones()
        changed = zones != self._known
        self._known = zones
        return changed

    def number_of(self, labels: Mapping[str, str]) -> int:
        """Return the number of a series' calendar among ``all``."""
        name = self._known.get(canonical_host(labels.get("host", ""))) if self._known else None
        if name is None:
            return 0
        if name not in self._numbers:
            self._numbers[name] = self._add(name)
        return self._numbers[name]

    def _add(self, name: str) -> int:
        try:
            zone = ZoneInfo(name)
        except (KeyError, OSError, ValueError):
            log.warning("no time zone has this name; its hosts go by that of detect.timezone", zone=name)
            return 0
        self.all.append(LocalCalendar(zone, self._holidays))
        return len(self.all) - 1
