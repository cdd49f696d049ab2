"""Days are local: what people do at nine they do at nine, also after the clocks have changed."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from agent.collect import Answer, Poll
from agent.config.settings import DetectSection
from agent.detect import Engine
from agent.detect.calendar import Calendars, LocalCalendar
from agent.detect.season import DAYS, Season
from agent.records import Series
from tests.bench.polled import frame_at
from tests.make import signal
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


YEAR = datetime(2026, 1, 1, tzinfo=UTC)
HALF_HOUR_S, WEEK_S = 1800.0, 7 * 86_400.0
SYDNEY = ZoneInfo("Australia/Sydney")
PLACES = {"berlin": BERLIN, "sydney": SYDNEY, "lost": BERLIN}  # of the last nobody says where it is


@pytest.fixture(scope="module")
def openings_of_a_year():
    """How often anomalies opened in each week of a year, on two hosts of each place."""
    times = YEAR.timestamp() + HALF_HOUR_S * np.arange(365 * 48)
    moments = [datetime.fromtimestamp(at, UTC) for at in times]
    hosts = [f"{place}{number}" for place in PLACES for number in range(2)]
    asked = {place: np.array([busy(at, zone) for at in moments]) for place, zone in PLACES.items()}
    chance = np.random.default_rng(1)
    values = np.stack([asked[host[:-1]] * chance.normal(1, 0.05, len(times)) for host in hosts])
    series = [Series("x", host, {"host": host}) for host in hosts]
    zones = {host: PLACES[host[:-1]].key for host in hosts if not host.startswith("lost")}
    engine = Engine(
        {"x": signal("x", bad="both")}, DetectSection(alarms_per_day=0.1), Calendars(UTC, zones=lambda: zones)
    )
    opened = {place: np.zeros(53, int) for place in PLACES}
    before: set[str] = set()
    for row, at in enumerate(moments):
        part = slice(max(row - 20, 0), row + 1)
        found = engine.observe(frame_at(times[part], values[:, part], series, {"x": np.arange(len(hosts))}))
        for one in found:
            opened[one.entity[:-1]][week(at)] += one.id not in before
        before = {one.id for one in found}
    return opened


def week(at):
    return int((at - YEAR).total_seconds() // WEEK_S)


CHANGES = {
    "berlin": (datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)),
    "sydney": (datetime(2026, 4, 5, tzinfo=UTC), datetime(2026, 10, 4, tzinfo=UTC)),
}


@pytest.mark.parametrize("place", CHANGES)
def test_in_a_year_no_more_opens_when_the_clocks_change(openings_of_a_year, place):
    weeks = openings_of_a_year[place]
    changing = {one + after for one in map(week, CHANGES[place]) for after in (0, 1)}
    others = [count for number, count in enumerate(weeks) if number not in changing]
    assert max(weeks[sorted(changing)]) <= max(others)
    assert weeks.sum() <= 365 * 2 * 0.1


def test_in_a_year_it_would_be_noticed(openings_of_a_year):
    weeks = openings_of_a_year["lost"]
    changing = [week(one) for one in CHANGES["berlin"]]
    assert min(weeks[changing]) > np.delete(weeks, changing).max()


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


def test_where_it_is_still_today_no_day_is_forgotten_because_elsewhere_it_is_tomorrow():
    calendars = Calendars(BERLIN, zones=lambda: {"far": SYDNEY.key})
    assert calendars.have_changed()
    season = Season(calendars)
    season.fit_to(2)
    season.assign(1, calendars.number_of({"host": "far"}))
    saturday = datetime(
        2026, 11, 7, 15, tzinfo=UTC
    ).timestamp()  # of four days of rest in two weeks it is one
    for at in np.arange(saturday - 14 * 86_400, saturday, 600):
        season.learn(np.ones(2), np.ones(2, bool), at)
    _, sure = season.expected(saturday)
    assert sure.all()
    assert len(season.days) <= DAYS + 1
