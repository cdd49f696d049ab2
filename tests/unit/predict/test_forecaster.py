"""Which series of a frame are about to be used up."""

from datetime import timedelta

import numpy as np
import pytest

from agent.predict import Forecaster
from agent.predict.levels import Levels
from tests import make

LIMITED = make.signal("free", bad="low", limit=0.0, unit="bytes")
USED = make.signal("used", bad="high", limit=1.0, unit="ratio")
FALLS = [900.0 - 3 * n + (n % 2) for n in range(240)]
KEY = ("free", "host=web1 mountpoint=/")


def look(series, signals=(LIMITED, USED), **options):
    return Forecaster({one.id: one for one in signals}).observe(make.frame(series, **options))


def test_what_falls_to_its_limit_is_told_with_its_entity_and_labels():
    (found,) = look({KEY: FALLS})
    assert (found.signal, found.labels["mountpoint"], found.value) == ("free", "/", FALLS[-1])
    assert found.remaining.left.total_seconds() == pytest.approx(FALLS[-1] / 3 * 15, rel=0.05)


def test_what_rises_to_its_limit_is_told_too():
    (found,) = look({("used", "host=web1"): [0.3 + n / 400 for n in range(240)]})
    assert found.remaining.left.total_seconds() == pytest.approx((1 - 0.3 - 239 / 400) * 400 * 15, rel=0.05)


def test_a_signal_without_a_limit_or_without_an_answer_is_not_looked_at():
    assert look({KEY: FALLS}, signals=(make.signal("free", bad="low"),)) == ()
    assert look({KEY: FALLS}, answered=[]) == ()


def test_it_looks_from_time_to_time_only():
    forecaster = Forecaster({"free": LIMITED})
    frame = make.frame({KEY: FALLS})
    assert len(forecaster.observe(frame)) == 1
    assert forecaster.observe(frame) is None


def test_how_long_a_fall_has_to_be_seen_can_be_set():
    fast = {KEY: [900.0] * 90 + [900.0 - 3 * n + (n % 2) for n in range(180)]}
    found = [
        Forecaster({"free": LIMITED}, least_span=timedelta(minutes=span)).observe(
            make.frame(fast, step_s=1.0)
        )
        for span in (20, 2)
    ]
    assert found[0] == ()
    assert found[1][0].remaining.left.total_seconds() == pytest.approx(360 / 3, rel=0.1)


def test_a_slow_fall_is_seen_in_the_week():
    forecaster = Forecaster({"free": LIMITED}, every=timedelta(0))
    values = [1000.0] * 200 + [1000.0 - 2 * n for n in range(301)]
    found = ()
    for place in range(len(values)):
        one = make.frame(
            {KEY: values[max(0, place - 5) : place + 1]}, at=make.NOW + place * timedelta(minutes=10)
        )
        found = forecaster.observe(one)
    (told,) = found
    assert told.remaining.left == pytest.approx(timedelta(minutes=10) * 400 / 2, rel=0.05)


def test_a_week_is_kept_and_no_more():
    levels = Levels(["free"])
    for place in range(1200):
        levels.add(make.frame({KEY: [float(place)]}, at=make.NOW + place * timedelta(minutes=10)))
    frame = make.frame({KEY: [0.0]})
    times, values = levels.window(levels.rows_of(frame.series, make.NOW.timestamp()))
    assert values[0].tolist() == list(range(192, 1200))
    assert np.all(np.diff(times) == 600)


def test_series_that_are_gone_make_room():
    levels = Levels(["free"], most=3)
    for place in range(9):
        at = make.NOW + place * timedelta(days=2)
        levels.add(make.frame({("free", f"host=h{place}"): [1.0]}, at=at))
        series = make.frame({("free", f"host=h{place}"): [1.0]}).series
        assert levels.rows_of(series, at.timestamp())[0] >= 0
