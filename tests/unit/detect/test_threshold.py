"""When an alarm is on, from scores and thresholds alone."""

import numpy as np
import pytest

from agent.detect.threshold import above


def alarm(*scores, series=2, threshold=1.0):
    score = np.array(scores, float)
    return "".join("x" if on else "." for on in above(score, np.full(len(score), threshold), series))


def test_an_alarm_lasts_until_the_score_is_well_below_the_threshold():
    assert alarm(0.5, 1.2, 0.9, 0.8, 1.1, 0.6, 0.9) == ".xxxx.."


def test_what_a_great_fault_leaves_behind_is_no_alarm_any_more():
    assert alarm(0.2, 20, 16, 12, 9, 7, 5, 3, 2, 1.2) == ".xxx......"


def test_one_series_is_its_own_witness_for_longer():
    assert alarm(0.2, 20, 12, 9, 7, 5, 3, series=1) == ".xxxx.."


def test_what_rises_again_after_an_alarm_is_another_one():
    assert alarm(0.2, 20, 9, 8, 7, 7.5, 12, 11, 5, 3) == ".x....xx.."


def test_a_slow_rise_back_over_the_threshold_after_it_faded_is_seen():
    assert alarm(0.2, 4, 1.5, 1.1, 1.3, 1.6, 1.8) == ".x....x"


@pytest.mark.parametrize("series", [1, 5])
def test_without_a_threshold_and_without_a_score_there_is_none(series):
    assert not above(np.full(10, 1e300), np.full(10, np.inf), series).any()
    assert not above(np.zeros(10), np.full(10, 1.0), series).any()
    assert len(above(np.zeros(0), np.zeros(0), series)) == 0
