"""When an alarm is on, from scores and thresholds alone."""

from dataclasses import replace

import numpy as np

from agent.detect.threshold import AlarmRule, above

RULE = AlarmRule(per_day=1, days=7, faded=0.5)


def alarm(*scores, rule=RULE, threshold=1.0):
    score = np.array(scores, float)
    return "".join("x" if on else "." for on in above(score, np.full(len(score), threshold), rule))


def test_an_alarm_lasts_until_the_score_is_well_below_the_threshold():
    assert alarm(0.5, 1.2, 0.9, 0.8, 1.1, 0.6, 0.9) == ".xxxx.."


def test_what_a_great_fault_leaves_behind_is_no_alarm_any_more():
    assert alarm(0.2, 20, 16, 12, 9, 7, 5, 3, 2, 1.2) == ".xxx......"


def test_how_far_it_must_fade_is_the_rule_s():
    assert alarm(0.2, 20, 12, 9, 7, 5, 3, rule=replace(RULE, faded=0.3)) == ".xxxx.."


def test_what_rises_again_after_an_alarm_is_another_one():
    assert alarm(0.2, 20, 9, 8, 7, 7.5, 12, 11, 5, 3) == ".x....xx.."


def test_a_slow_rise_back_over_the_threshold_after_it_faded_is_seen():
    assert alarm(0.2, 4, 1.5, 1.1, 1.3, 1.6, 1.8) == ".x....x"


def test_without_a_threshold_and_without_a_score_there_is_none():
    assert not above(np.full(10, 1e300), np.full(10, np.inf), RULE).any()
    assert not above(np.zeros(10), np.full(10, 1.0), RULE).any()
    assert len(above(np.zeros(0), np.zeros(0), RULE)) == 0
