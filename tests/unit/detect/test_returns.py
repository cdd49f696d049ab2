"""How rare a score is follows from a week of them, and a calm week makes nothing rarer than it is."""

import numpy as np

from agent.detect.returns import ReturnPeriods

QUARTER_DAY_S = 21_600.0


def days_after_a_week(highest, score):
    periods = ReturnPeriods()
    for block, top in enumerate(highest):
        periods.learn(np.array([top]), np.array([True]), block * QUARTER_DAY_S)
    periods.learn(np.array([0.0]), np.array([True]), len(highest) * QUARTER_DAY_S)
    return float(periods.days(np.array([score]))[0])


def test_after_a_calm_week_a_little_more_is_not_rare():
    calm = [0.75 + 0.01 * (block % 2) for block in range(28)]
    assert days_after_a_week(calm, 0.75) < days_after_a_week(calm, 1.0) < 10
    assert days_after_a_week(calm, 2.0) > 1000


def test_what_came_on_three_days_of_a_week_is_no_news():
    rough = [3.0 if block in (5, 12, 20) else 0.75 for block in range(28)]
    assert days_after_a_week(rough, 3.0) < 4
