"""What a series does now and then is a habit; what it did once, or does for long, is none."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.collect import Answer, FrameBuffer, Poll
from agent.config.settings import DetectSection
from agent.detect import SeriesDetector
from agent.detect.habit import Habit
from agent.detect.recurring import Extremes
from tests.make import NOW, signal

STEP = timedelta(minutes=1)
DAY = 1440


def alarms(values):
    """Return the rows at which an anomaly of one series opens, polled every minute."""
    signals = {"x": signal("x", bad="both")}
    buffer = FrameBuffer(signals, 100, 100)
    detector = SeriesDetector(signals, DetectSection(warm_up=20))
    begun, was_open = [], False
    for row, value in enumerate(values):
        poll = Poll(NOW + row * STEP, {"x": Answer(0, [{"host": "web1"}], [float(value)])})
        is_open = bool(detector.observe(buffer.add(poll)))
        if is_open and not was_open:
            begun.append(row)
        was_open = is_open
    return begun


def pulses(days, a_day, height=1.0, length=4, seed=0):
    """Return a series that rests at nothing but for some pulses a day."""
    values = np.zeros(days * DAY)
    starts = np.random.default_rng(seed).choice(len(values) // 20, days * a_day, replace=False) * 20
    for row in range(length):
        values[starts + row] = height
    return values


@pytest.mark.parametrize("seed", range(3))
def test_a_series_that_rests_but_for_pulses_alarms_ever_less_by_them(seed):
    begun = np.array(alarms(pulses(8, 12, seed=seed)))
    assert (begun < DAY).sum() > 2
    assert (begun >= 5 * DAY).sum() <= 2


def test_a_far_higher_pulse_than_all_before_is_strange_as_ever():
    values = pulses(4, 12)
    values[-30:-20] = 30.0
    assert alarms(values)[-1] >= len(values) - 30


def test_a_fault_that_comes_back_some_times_is_found_each_time():
    values = 10 + np.random.default_rng(3).normal(0, 0.5, 3 * DAY)
    faults = range(DAY, 3 * DAY - 100, 600)
    for first in faults:
        values[first : first + 60] += 20
    begun = alarms(values)
    assert len(faults) == 5
    assert all(any(first <= row < first + 30 for row in begun) for first in faults)


def test_one_monster_silences_nothing():
    values = 10 + np.random.default_rng(4).normal(0, 0.5, DAY)
    values[600:603] = 1e30
    values[1000:1030] += 20
    assert any(1000 <= row < 1010 for row in alarms(values))


def test_what_scatters_more_by_day_has_no_habit_of_it_by_night():
    chance = np.random.default_rng(5)
    night = np.arange(4 * DAY) % DAY < DAY // 2
    values = chance.normal(0, 1, 4 * DAY) * np.where(night, 0.2, 5.0)
    values = np.where(night, 4.0, 100.0) + values
    quiet = 3 * DAY + 300
    values[quiet : quiet + 20] += 8
    assert any(quiet <= row < quiet + 10 for row in alarms(values))


@pytest.mark.parametrize("length", [5, 12])
def test_a_job_of_minutes_that_comes_every_day_is_normal_from_the_fifth_day_on(length):
    values = 10 + np.random.default_rng(6).normal(0, 0.1, 9 * DAY)
    for number in range(9):
        first = number * DAY + 610 + number % 3
        values[first : first + length] += np.random.default_rng(number).uniform(5, 30, length)
    begun = alarms(values)
    assert any(row < 3 * DAY for row in begun)
    assert not any(row >= 5 * DAY for row in begun)


def test_the_same_job_at_another_time_is_strange():
    values = 10 + np.random.default_rng(7).normal(0, 0.1, 8 * DAY)
    for number in range(7):
        values[number * DAY + 610 :][:30] += 20
    values[7 * DAY + 1000 :][:30] += 20
    assert any(7 * DAY + 1000 <= row < 7 * DAY + 1010 for row in alarms(values))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=60))
def test_no_values_break_it(values):
    habit = Habit()
    habit.fit_to(1)
    for value in values:
        distance = np.array([np.clip(value, -1e100, 1e100)])
        habit.learn(distance, np.array([1e-9]), np.array([True]))
    width = habit.widened(np.array([1e-9]))
    assert np.isfinite(width).all()
    assert width >= 1e-9


def test_extremes_are_those_of_the_third_day_and_follow_their_rows():
    high = Extremes(parts=2, side=1)
    high.fit_to(3)
    for peak in (5.0, 9.0, 7.0):
        high.learn(np.array([0.0, peak, -peak]), np.array([True, True, True]))
        high.end_part(0, np.zeros(3))
    assert high.recurring([1]).tolist() == [-np.inf] * 3
    found = high.recurring([0, 1])
    assert found[0] == 0
    assert 4 < found[1] < 5.01
    high.keep(np.array([1, 2]))
    high.fit_to(4)
    assert high.recurring([0]).tolist()[0] == pytest.approx(found[1])
    assert high.recurring([0]).tolist()[2:] == [-np.inf] * 2
    high.forget(np.array([0]))
    assert high.recurring([0])[0] == -np.inf
