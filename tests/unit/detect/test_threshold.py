"""When an alarm is on, from scores and thresholds alone."""

import numpy as np
import pytest

from agent.detect.fuse import FRESH_MINUTES, gathered
from agent.detect.threshold import above


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
    on = above(gathered(score, 60.0, series, FRESH_MINUTES), np.full(600, 1.2))
    assert on[101:160].all()
    assert not on[330:].any()


def test_the_score_of_several_is_held_longer_than_what_alarms_go_by():
    score = np.full(600, 0.5)
    score[100:160] = 20
    assert gathered(score, 60.0, 12)[300] > 2 > gathered(score, 60.0, 12, FRESH_MINUTES)[300]


def test_a_fault_that_comes_and_goes_is_one_alarm():
    score = np.full(200, 0.5)
    for begin in range(50, 150, 15):
        score[begin : begin + 5] = 6
    on = above(gathered(score, 60.0, 12, FRESH_MINUTES), np.full(200, 1.2))
    assert np.diff(on.astype(int)).tolist().count(1) == 1
