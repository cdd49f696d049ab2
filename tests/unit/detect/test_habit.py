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
DAYS = 9
FAULTS = range(DAY, 3 * DAY, 600)


def noise(seed, scale=0.5):
    return 10 + np.random.default_rng(seed).normal(0, scale, DAYS * DAY)


def pulses(seed):
    """Return a series that rests at nothing but for a dozen pulses a day, and one far higher at its end."""
    values = np.zeros(DAYS * DAY)
    starts = np.random.default_rng(seed).choice(len(values) // 20 - 5, DAYS * 12, replace=False) * 20
    for row in range(4):
        values[starts + row] = 1.0
    values[-30:-20] = 30.0
    return values


def faults_that_come_back():
    values = noise(3)
    for first in FAULTS:
        values[first : first + 60] += 20
    return values


def monster():
    values = noise(4)
    values[600:603] = 1e30
    values[1000:1030] += 20
    return values


def job(length):
    """Return what works for some minutes at about the same time of every day, a little harder or less."""
    values = noise(6, 0.1)
    for number in range(DAYS):
        first = number * DAY + 610 + number % 3
        values[first : first + length] += np.random.default_rng(number).uniform(5, 30, length)
    return values


def job_at_another_time():
    values = noise(7, 0.1)
    for number in range(DAYS - 1):
        values[number * DAY + 610 :][:30] += 20
    values[8 * DAY + 1000 :][:30] += 20
    return values


SERIES = {
    **{f"pulses{seed}": pulses(seed) for seed in range(3)},
    "faults": faults_that_come_back(),
    "monster": monster(),
    "job5": job(5),
    "job12": job(12),
    "elsewhen": job_at_another_time(),
}


@pytest.fixture(scope="module")
def begun():
    """Return the rows at which each series, an entity of its own, became anomalous, polled every minute."""
    signals = {"x": signal("x", bad="both")}
    buffer = FrameBuffer(signals, 100, 100)
    detector = SeriesDetector(signals, DetectSection(warm_up=20))
    rows, before = {name: [] for name in SERIES}, set()
    values = np.array(list(SERIES.values()))
    labels = [{"host": name} for name in SERIES]
    for row in range(DAYS * DAY):
        poll = Poll(NOW + row * STEP, {"x": Answer(0, labels, values[:, row].tolist())})
        now = {one.entity for one in detector.observe(buffer.add(poll))}
        for name in now - before:
            rows[name].append(row)
        before = now
    return {name: np.array(some) for name, some in rows.items()}


@pytest.mark.parametrize("seed", range(3))
def test_a_series_that_rests_but_for_pulses_alarms_ever_less_by_them(begun, seed):
    rows = begun[f"pulses{seed}"]
    assert (rows < DAY).sum() > 2
    assert ((rows >= 5 * DAY) & (rows < DAYS * DAY - 30)).sum() <= 2


def test_a_far_higher_pulse_than_all_before_is_strange_as_ever(begun):
    assert begun["pulses0"][-1] >= DAYS * DAY - 30


def test_a_fault_that_comes_back_some_times_is_found_each_time(begun):
    assert len(FAULTS) == 5
    assert all(any(first <= row < first + 30 for row in begun["faults"]) for first in FAULTS)


def test_one_monster_silences_nothing(begun):
    assert any(1000 <= row < 1010 for row in begun["monster"])


def test_what_scatters_more_by_day_has_no_habit_of_it_by_night():
    habit, chance = Habit(), np.random.default_rng(5)
    habit.fit_to(1)
    for row in range(30_000):
        spread = np.array([5.0 if row % DAY >= DAY // 2 else 1.0])
        habit.learn(spread * chance.normal(), spread, np.array([True]))
    assert habit.widened(np.array([1.0])) < 1.2


@pytest.mark.parametrize("minutes", [5, 12])
def test_a_job_of_minutes_that_comes_every_day_is_normal_from_the_fifth_day_on(begun, minutes):
    rows = begun[f"job{minutes}"]
    assert any(row < 3 * DAY for row in rows)
    assert not any(row >= 5 * DAY for row in rows)


def test_the_same_job_at_another_time_is_strange(begun):
    assert any(8 * DAY + 1000 <= row < 8 * DAY + 1010 for row in begun["elsewhen"])


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
