"""What becomes of a forecast, and how far the record lets the next ones be believed."""

from datetime import timedelta

import pytest

from agent.errors import StoreUnavailable
from agent.forecasting import ForecastTracker
from agent.predict import Forecaster
from agent.records.forecasts import Exhaustion, ForecastState, Remaining
from agent.store.forecasts import ForecastStore
from tests import make

SIGNAL = make.signal("free", bad="low", limit=0.0)
KEY = ("free", "host=web1")
START = [900.0 - 3 * n + (n % 2) for n in range(240)]


@pytest.fixture
def store(database):
    return ForecastStore(database)


@pytest.fixture
def tracker(store):
    return ForecastTracker(Forecaster({"free": SIGNAL}), store)


def show(tracker, values, minutes, **options):
    """Let the tracker see these values end so many minutes later."""
    tracker.look(make.frame({KEY: values}, at=make.NOW + timedelta(minutes=minutes), **options))


def test_a_fall_is_kept_and_what_was_said_first_stays(tracker, store):
    show(tracker, START, 0)
    show(tracker, [value - 3 * 24 for value in START], 6)
    (one,) = store.open()
    assert (one.said.at, one.now.at) == (make.NOW, make.NOW + timedelta(minutes=6))
    assert one.now.left < one.said.left


def test_what_came_is_judged_by_what_was_said_first(tracker, store):
    show(tracker, START, 0)
    show(tracker, [*START, *range(180, 0, -3), 0.0], 15)
    (one,) = store.over()
    assert (one.state, one.took) == (ForecastState.CAME, timedelta(minutes=15))
    assert store.calibration().came == 1


def test_a_fall_that_ends_was_averted_after_a_while_only(tracker, store):
    show(tracker, START, 0)
    for minutes in (10, 20, 30):
        show(tracker, [800.0] * 240, minutes)
        assert store.open()
    show(tracker, [800.0] * 240, 40)
    assert store.over()[0].state is ForecastState.AVERTED


def test_what_is_told_after_a_shorter_time_is_over_after_a_shorter_time(store):
    tracker = ForecastTracker(Forecaster({"free": SIGNAL}, least_span=timedelta(minutes=2)), store)
    show(tracker, START, 0)
    for minutes in (1, 2, 3):
        show(tracker, [800.0] * 240, minutes)
        assert store.open()
    show(tracker, [800.0] * 240, 4)
    assert store.over()[0].state is ForecastState.AVERTED


def test_of_a_series_that_is_gone_nobody_knows(tracker, store):
    show(tracker, START, 0)
    show(tracker, [*START, float("nan")], 30, answered=["free"])
    assert store.open()
    show(tracker, [*START, float("nan")], 100, answered=["free"])
    assert store.over()[0].state is ForecastState.GONE


def test_a_source_that_does_not_answer_ends_nothing(tracker, store):
    show(tracker, START, 0)
    show(tracker, START, 50, answered=[])
    assert store.open()


def test_after_a_restart_the_same_forecast_goes_on(tracker, store):
    show(tracker, START, 0)
    again = ForecastTracker(Forecaster({"free": SIGNAL}), store)
    show(again, START, 6)
    assert len(store.open()) == 1


def test_what_came_while_the_agent_was_down_was_not_observed(tracker, store):
    show(tracker, START, 0)
    again = ForecastTracker(Forecaster({"free": SIGNAL}), store)
    show(again, [0.0] * 240, 90)
    assert store.over()[0].state is ForecastState.NOT_OBSERVED
    assert store.calibration().came == 0


def test_what_may_have_come_and_gone_while_the_agent_was_down_did_not_stay_away(tracker, store):
    show(tracker, START, 0)
    again = ForecastTracker(Forecaster({"free": SIGNAL}), store)
    show(again, [800.0] * 240, 90)
    assert store.over()[0].state is ForecastState.NOT_OBSERVED
    assert store.calibration().averted == 0


def test_what_could_not_have_come_yet_is_judged_by_what_is_seen_from_the_restart_on(tracker, store):
    spans = {"left": timedelta(hours=9), "low": timedelta(hours=8), "high": timedelta(hours=10)}
    remaining = Remaining(at=make.NOW, **spans)
    labels = {"host": "web1"}
    store.add(
        Exhaustion(
            signal="free", entity="web1", labels=labels, value=1.0, began=make.NOW, remaining=remaining
        )
    )
    for minutes in (90, 100, 110, 120):  # nobody looked for 90 minutes: nothing was averted in them
        show(tracker, [800.0] * 240, minutes)
        assert store.open()
    show(tracker, [800.0] * 240, 125)
    assert store.over()[0].state is ForecastState.AVERTED


def test_a_short_restart_takes_nothing_from_the_record(tracker, store):
    show(tracker, START, 0)
    again = ForecastTracker(Forecaster({"free": SIGNAL}), store)
    show(again, [0.0] * 240, 14)
    assert store.over()[0].state is ForecastState.CAME


def test_what_came_while_the_source_did_not_answer_was_not_observed(tracker, store):
    show(tracker, START, 0)
    show(tracker, START, 10, answered=[])
    show(tracker, [0.0] * 240, 25)
    assert store.over()[0].state is ForecastState.NOT_OBSERVED


def test_where_the_source_does_not_answer_any_more_the_series_is_not_said_to_be_gone(tracker, store):
    show(tracker, START, 0)
    for minutes in (10, 50, 70):
        show(tracker, START, minutes, answered=[])
    assert store.over()[0].state is ForecastState.NOT_OBSERVED


def kept(store, said, took):
    """Keep a forecast that said so many minutes, two more or less, and came after others."""
    spans = {"left": said, "low": said - 2, "high": said + 2}
    remaining = Remaining(at=make.NOW, **{name: timedelta(minutes=n) for name, n in spans.items()})
    one = store.add(
        Exhaustion(signal="free", entity="web1", labels={}, value=1.0, began=make.NOW, remaining=remaining)
    )
    store.end(one, ForecastState.CAME, make.NOW + timedelta(minutes=took))


def test_intervals_that_held_too_little_get_wider(store, tracker):
    for place in range(12):
        kept(store, 60, 60 + (place % 4) * 2)
    found = store.calibration()
    assert (found.came, found.within) == (12, 6)
    assert 2 <= found.widen <= 3
    show(tracker, START, 0)
    assert tracker.forecaster.widen == found.widen


def test_a_few_say_nothing_about_intervals(store):
    for _ in range(5):
        kept(store, 60, 90)
    assert store.calibration().widen == 1.0


def test_what_is_expected_is_told_until_something_is_freed(tracker):
    show(tracker, START, 0)
    show(tracker, [*START, 180.0], 1)
    assert [one.entity for one in tracker.expected] == ["web1"]
    show(tracker, [*START, 600.0], 2)
    assert not tracker.expected


def test_what_is_expected_needs_no_store(tracker):
    tracker._store = _Broken()
    show(tracker, START, 0)
    assert tracker.expected


def test_of_a_series_without_a_sample_the_last_word_stands_a_quarter_of_an_hour(store):
    tracker = ForecastTracker(Forecaster({"free": SIGNAL}, every=timedelta(hours=9)), store)
    show(tracker, START, 0)
    show(tracker, [*START, float("nan")], 14, answered=["free"])
    assert tracker.expected
    show(tracker, [*START, float("nan")], 16, answered=["free"])
    assert not tracker.expected


class _Broken:
    """A store that cannot be read."""

    def open(self):
        raise StoreUnavailable("disk full")
