"""Seasons: days and weeks are learned, and one day that was different does not change them."""

import numpy as np
import pytest

from agent.detect.baseline import Baseline
from agent.detect.seasons import Seasons

DAY = 86_400
STEP = 600
MONDAY = 345_600  # 1970-01-05


def office(at):
    """Busy from eight to six on weekdays."""
    hour, day = at % DAY / 3600, (at - MONDAY) // DAY % 7
    return 100.0 if 8 <= hour < 18 and day < 5 else 20.0


def live_through(baseline, days, value=office, first_day=0):
    """Return the scores of some days, a row a day."""
    chance = np.random.default_rng(first_day)
    scores = []
    for at in range(MONDAY + first_day * DAY, MONDAY + (first_day + days) * DAY, STEP):
        sample = np.array([value(at) + chance.normal(0, 1)])
        scores.append(baseline.score(sample, np.array([True]), at=float(at)).score[0])
    return np.abs(scores).reshape(days, -1)


def test_a_weekend_is_no_anomaly_once_one_was_seen():
    baseline = Baseline(20)
    live_through(baseline, 10)
    assert live_through(baseline, 7, first_day=10).max() < 8


def test_a_weekday_that_is_like_a_sunday_is_one():
    baseline = Baseline(20)
    live_through(baseline, 15)
    holiday = live_through(baseline, 1, lambda at: 20.0, first_day=15)
    assert (holiday[0, 55:105] > 8).mean() > 0.5


def day(seasons, number, level, at_noon=None):
    for at in range(number * DAY, (number + 1) * DAY, STEP):
        value = at_noon if at_noon is not None and 43_200 <= at % DAY < 50_400 else level
        one = np.array([True])
        seasons.learn(np.array([float(value)]), np.array([5.0]), one, one, float(at))


def noon(seasons):
    return seasons.day.along(0, np.array([46_800.0]))[0]


def test_a_fault_on_one_day_or_two_does_not_become_the_season():
    seasons = Seasons()
    seasons.fit_to(1)
    for number in range(5):
        day(seasons, number, 10)
    day(seasons, 5, 10, at_noon=50)
    day(seasons, 6, 10, at_noon=50)
    day(seasons, 7, 10)
    assert noon(seasons) == pytest.approx(10, abs=0.5)


def test_what_comes_every_day_becomes_it():
    seasons = Seasons()
    seasons.fit_to(1)
    for number in range(5):
        day(seasons, number, 10)
    for number in range(5, 9):
        day(seasons, number, 10, at_noon=50)
    assert noon(seasons) == pytest.approx(50, abs=0.5)


def test_rows_are_followed_when_they_are_renumbered_and_forgotten():
    seasons = Seasons()
    seasons.fit_to(2)
    for at in range(0, 4 * DAY, STEP):
        seasons.learn(np.array([1.0, 2.0]), np.full(2, 9.0), np.full(2, True), np.full(2, True), float(at))
    seasons.keep(np.array([1]))
    assert noon(seasons) == pytest.approx(2.0)
    seasons.fit_to(3)
    seasons.forget(np.array([0]))
    assert np.isnan(noon(seasons))
