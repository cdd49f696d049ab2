"""Days are local: what people do at nine they do at nine, also after the clocks have changed."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from agent.collect import Answer, Poll
from agent.config.settings import DetectSection
from agent.detect.calendar import Calendars, LocalCalendar
from tests.unit.detect.series import Watched

BERLIN = ZoneInfo("Europe/Berlin")
STEP = timedelta(minutes=10)


def busy(at, zone=BERLIN, rests=lambda day: day.weekday() >= 5):
    """Return what an office asks for: much from eight to eighteen on workdays, little else."""
    local = at.astimezone(zone)
    return 100.0 if 8 <= local.hour < 18 and not rests(local.date()) else 10.0


def openings(first, days, calendars=None, rests=lambda day: day.weekday() >= 5, host="web1"):
    """Return at which local days anomalies opened."""
    watched = Watched(calendars=calendars, detect=DetectSection(warm_up=20, alarms_per_day=0.1))
    chance = np.random.default_rng(1)
    at, opened, before = first, [], 0
    for _ in range(int(timedelta(days=days) / STEP)):
        at += STEP
        value = busy(at, rests=rests) * chance.normal(1, 0.05)
        found = watched.engine.observe(
            watched.buffer.add(Poll(at, {"x": Answer(0, [{"host": host}], [value])}))
        )
        opened += [at.astimezone(BERLIN).date()] * (len(found) > before)
        before = len(found)
    return opened


@pytest.mark.parametrize("change", [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)])
def test_a_change_of_the_clocks_is_no_anomaly(change):
    first = change - timedelta(days=12)
    after = [day for day in openings(first, 17, Calendars(BERLIN)) if day >= change.date()]
    assert not after


def test_in_the_wrong_time_zone_a_change_of_the_clocks_would_be_one():
    change = datetime(2026, 3, 29, tzinfo=UTC)
    assert [day for day in openings(change - timedelta(days=12), 17) if day >= change.date()]


def test_a_host_follows_the_time_zone_that_the_inventory_says():
    change = datetime(2026, 3, 29, tzinfo=UTC)
    calendars = Calendars(UTC, zones=lambda: {"web1.example": "Europe/Berlin"})
    opened = openings(change - timedelta(days=12), 17, calendars, host="WEB1.example:9100")
    assert not [day for day in opened if day >= change.date()]


def test_a_holiday_is_a_day_of_rest():
    holiday = date(2026, 5, 1)  # a Friday

    def rests(day):
        return day.weekday() >= 5 or day == holiday

    first = datetime(2026, 4, 18, 22, tzinfo=UTC)
    told = openings(first, 14, Calendars(BERLIN, lambda: frozenset([holiday])), rests)
    untold = openings(first, 14, Calendars(BERLIN), rests)
    assert told.count(holiday) == 0
    assert untold.count(holiday) > 0


def test_a_time_zone_that_does_not_exist_is_said_once_and_the_rest_goes_on(caplog):
    calendars = Calendars(UTC, zones=lambda: {"web1": "Mars/Olympus"})
    assert calendars.have_changed()
    assert [calendars.number_of({"host": "web1"}) for _ in range(3)] == [0, 0, 0]
    assert len(caplog.records) == 1


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe"])
def test_every_moment_of_a_year_has_a_place(zone):
    calendar = LocalCalendar(ZoneInfo(zone))
    places = [calendar.place(1_767_225_600 + 600.0 * number) for number in range(365 * 144)]
    assert all(0 <= slot < 144 for _, slot in places)
    days = [day for day, _ in places]
    assert days == sorted(days)
    assert len(set(places)) > 0.999 * len(places)
