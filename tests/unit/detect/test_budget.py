"""An entity that is alarming too often must be stranger, and is believed again when it has become quiet."""

import numpy as np

from agent.detect.budget import AlarmBudget
from agent.records import Series

DAY = 86_400.0
HOUR = 3_600.0
SERIES = [Series("a", "web1", {}), Series("b", "web1", {}), Series("a", "web2", {})]


def alarms(budget, entity, rows, hours):
    """Let an entity be alarming at each of these hours, and return what is needed after the last."""
    needed = budget.needed(SERIES, 0.0)
    for hour in range(int(max(hours)) + 2):
        needed = budget.needed(SERIES, hour * HOUR)
        if hour in hours:
            budget.spend(entity, rows)
    return needed


def test_one_alarm_a_day_costs_nothing():
    needed = alarms(AlarmBudget(1.0), "web1", [0], range(0, 20 * 24, 25))
    assert needed.tolist() == [1.0, 1.0, 1.0]


def test_what_alarms_oftener_must_be_stranger_and_nothing_else():
    needed = alarms(AlarmBudget(1.0), "web1", [1], range(0, 48, 6))
    assert needed[1] > 1.5
    assert needed[0] == needed[2] == 1.0


def test_no_more_is_asked_than_a_series_that_is_gone_can_show():
    budget = AlarmBudget(1.0)
    assert alarms(budget, "web1", [0], range(500))[0] < 3.0
    # and after quiet weeks it is as at first
    for hour in range(500, 500 + 24 * 14):
        needed = budget.needed(SERIES, hour * HOUR)
    assert needed.tolist() == [1.0, 1.0, 1.0]


def test_a_clock_that_jumps_earns_a_day_at_most_and_loses_nothing():
    budget = AlarmBudget(1.0)
    before = alarms(budget, "web1", [0], range(0, 48, 6))[0]
    assert budget.needed(SERIES, -5 * DAY)[0] == before
    assert budget.needed(SERIES, 400 * DAY)[0] == before


def test_what_is_needed_follows_a_renumbering():
    budget = AlarmBudget(1.0)
    alarms(budget, "web2", [2], range(0, 48, 6))
    budget.keep(np.array([2]))
    assert budget.needed(SERIES[2:], 49 * HOUR)[0] > 1.5
