"""When an alarm is on, from scores and thresholds alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from agent.detect.causal import Schedule
from agent.detect.fuse import gathered
from agent.detect.threshold import ALARMS, AlarmRule, above, thresholds


def alarm(*scores, threshold=1.0):
    score = np.array(scores, float)
    return "".join("x" if on else "." for on in above(score, np.full(len(score), threshold)))


def test_an_alarm_lasts_until_the_score_is_well_below_the_threshold():
    assert alarm(0.5, 1.2, 0.9, 0.8, 1.1, 0.6, 0.9) == ".xxxx.."


def test_without_a_threshold_and_without_a_score_there_is_none():
    assert not above(np.full(10, 1e300), np.full(10, np.inf)).any()
    assert not above(np.zeros(10), np.full(10, 1.0)).any()
    assert len(above(np.zeros(0), np.zeros(0))) == 0


@pytest.mark.parametrize("series", [1, 12])
def test_a_great_fault_is_not_told_of_for_hours_after_its_end(series):
    score = np.full(600, 0.5)
    score[100:160] = 20  # an hour
    on = above(gathered(score, 60.0, series)[1], np.full(600, 1.2))
    assert on[101:160].all()
    assert not on[330:].any()


def test_the_score_of_several_is_held_longer_than_what_alarms_go_by():
    score = np.full(600, 0.5)
    score[100:160] = 20
    whole, fresh = gathered(score, 60.0, 12)
    assert whole[300] > 2 > fresh[300]


def test_a_fault_that_comes_and_goes_is_one_alarm():
    score = np.full(200, 0.5)
    for begin in range(50, 150, 15):
        score[begin : begin + 5] = 6
    on = above(gathered(score, 60.0, 12)[1], np.full(200, 1.2))
    assert np.diff(on.astype(int)).tolist().count(1) == 1


DAY = 1440


def rare_faults(a_day: int, size: float) -> np.ndarray:
    """Return four weeks of ordinary scores, with faults of ten minutes."""
    chance = np.random.default_rng(7)
    score = 0.3 + chance.exponential(0.04, 28 * DAY)
    for begin in np.linspace(DAY, 28 * DAY - 20, a_day * 26).astype(int):
        score[begin : begin + 10] = size
    return score


def last_threshold(score: np.ndarray, rule: AlarmRule) -> float:
    return float(thresholds(score, 0, Schedule(rows=len(score), day=DAY), rule)[-1])


def test_faults_that_chance_would_not_bring_may_be_more_than_the_budget():
    score = rare_faults(a_day=2, size=1.6)
    assert last_threshold(score, AlarmRule(per_day=0.75, days=28)) == 1.6
    assert last_threshold(score, AlarmRule(per_day=0.75, days=28, by_chance=0.3)) < 1.6


def test_what_the_tail_of_ordinary_scores_brings_stays_within_the_budget():
    chance = np.random.default_rng(8)
    score = 0.5 + chance.exponential(0.15, 56 * DAY)  # twenty times a day above the rarest level
    limit = thresholds(score, 0, Schedule(rows=len(score), day=DAY), ALARMS)
    later = slice(28 * DAY, None)
    alarms = np.diff(above(score, limit)[later].astype(int)).tolist().count(1)
    assert 0 < alarms <= 28


@pytest.mark.parametrize("value", [0.0, 0.7, 1e100])
def test_scores_that_never_change_bring_no_alarm(value):
    score = np.full(10 * DAY, value)
    assert not above(score, thresholds(score, 0, Schedule(rows=len(score), day=DAY), ALARMS)).any()


@given(
    arrays(
        np.float64, st.integers(200, 600), elements=st.floats(0, 1e150, allow_nan=False, allow_infinity=False)
    )
)
def test_whatever_the_scores_a_threshold_is_a_number_above_what_is_common(score):
    limit = thresholds(score, 0, Schedule(rows=len(score), day=96), ALARMS)
    assert not np.isnan(limit).any()
    assert (limit >= 1.1).all()
