"""When something is used up, from what was left so far."""

import numpy as np
import pytest

from agent.predict.exhaustion import exhaustions
from tests.bench.ramps import healthy, ramps

MINUTE, HOUR = 60.0, 3600.0
TIMES = np.arange(0, 10 * HOUR, MINUTE) + 1.7e9


def falling(begin=4 * HOUR, lasts=8 * HOUR, noise=0.002, seed=0):
    """A share that is whole, then falls; ten hours of it."""
    left = 1 - np.clip((TIMES - TIMES[0] - begin) / lasts, 0, None)
    return left + np.random.default_rng(seed).normal(0, noise, len(TIMES))


def test_a_steady_fall_says_when_it_ends_and_since_when_it_lasts():
    found = exhaustions(TIMES, falling()[None], 1200)
    assert found.left[0] == pytest.approx(2 * HOUR, rel=0.05)
    assert found.low[0] < 2 * HOUR < found.high[0]
    assert found.began[0] == pytest.approx(TIMES[0] + 4 * HOUR, abs=10 * MINUTE)


@pytest.mark.parametrize(
    ("left", "why"),
    [
        (np.full(len(TIMES), 0.5), "nothing falls"),
        (falling(begin=9.9 * HOUR, lasts=0.2 * HOUR), "six minutes say nothing"),
        (falling(begin=8 * HOUR, lasts=200 * HOUR), "it lies too far ahead"),
        (np.where(np.arange(len(TIMES)) == len(TIMES) - 1, np.nan, falling()), "the series is gone"),
        (np.where(np.arange(len(TIMES)) < len(TIMES) - 8, np.nan, falling()), "too few samples"),
        (-falling(), "it is used up already"),
        (np.full(len(TIMES), np.nan), "there is nothing"),
    ],
)
def test_nothing_is_said_when(left, why):
    assert not len(exhaustions(TIMES, left[None], 1200).rows), why


def test_what_came_back_from_there_before_is_no_exhaustion():
    saw = 1 - 0.8 * ((TIMES - TIMES[0]) % (2.4 * HOUR)) / (2.4 * HOUR)
    assert not any(len(exhaustions(TIMES[:end], saw[None, :end], 1200).rows) for end in range(200, 600, 7))


def test_gaps_move_the_answer_little():
    left = falling()
    left[np.random.default_rng(1).random(len(left)) < 0.4] = np.nan
    left[-1] = falling()[-1]
    assert exhaustions(TIMES, left[None], 1200).left[0] == pytest.approx(2 * HOUR, rel=0.05)


def test_many_series_are_told_apart():
    rows = np.stack([falling(seed=n) if n % 3 == 0 else np.full(len(TIMES), 1.0) for n in range(600)])
    assert exhaustions(TIMES, rows, 1200).rows.tolist() == list(range(0, 600, 3))


def test_a_wider_interval_can_be_asked_for():
    plain, wide = (exhaustions(TIMES, falling()[None], 1200, widen) for widen in (1.0, 3.0))
    assert wide.low[0] < plain.low[0] < plain.left[0] < plain.high[0] < wide.high[0]


def test_of_generated_ramps_nine_in_ten_are_within_a_fifth_at_half_time():
    near = []
    for course in ramps(np.random.default_rng(500), 40):
        now = int(np.searchsorted(course.times, (course.starts + course.ends) / 2))
        times, left = course.times[:now][-1008:], course.left[:now][-1008:]
        said, truth = exhaustions(times, left[None], 1200).left, course.ends - times[-1]
        near.append(len(said) == 1 and abs(said[0] - truth) <= 0.2 * truth)
    assert np.mean(near) >= 0.9


def test_healthy_courses_are_left_alone():
    wrong = 0
    for course in healthy(np.random.default_rng(501), 40):
        ends = range(len(course.times) // 2, len(course.times), len(course.times) // 8)
        asked = ((course.times[:end][-1008:], course.left[None, :end][:, -1008:]) for end in ends)
        wrong += any(len(exhaustions(times, left, 1200).rows) for times, left in asked)
    assert wrong <= 1
