"""Which moments of the past are learned from, and what came after them."""

from datetime import timedelta

import numpy as np
import pytest

from agent.learn.failures.features import PAST, STEP_S, deviations, is_known
from agent.learn.failures.moments import Moments, Occurrence, came, choose_moments, watched_until

HOUR = 3600.0
FAULT = Occurrence(host="a", begin=100 * HOUR + 60, end=102 * HOUR)


def moments(*at, hosts=("a",)):
    return Moments(hosts, np.zeros(len(at), np.intp), np.array(at) * HOUR, np.ones(len(at)))


def test_what_came_is_known_after_the_horizon_only_and_not_while_a_fault_is_there():
    found = came(moments(90, 95, 101, 103, 119), [FAULT], timedelta(hours=6), 120 * HOUR)
    assert np.array_equal(found, [0, 1, np.nan, 0, np.nan], equal_nan=True)


def test_a_fault_that_came_is_known_at_once():
    assert came(moments(99), [FAULT], timedelta(hours=6), 100.5 * HOUR).tolist() == [1]


def test_while_nobody_looks_no_fault_stays_away():
    then = moments(80, 83, 86, 90, 95, 99)
    until = watched_until(then.at, [(84 * HOUR, 88 * HOUR)], 120 * HOUR)
    found = came(then, [FAULT], timedelta(hours=6), until)
    assert np.array_equal(found, [np.nan, np.nan, np.nan, 0, 1, 1], equal_nan=True)
    assert came(moments(77), [FAULT], timedelta(hours=6), until[:1]).tolist() == [0]


def test_a_fault_that_was_seen_before_nobody_looked_any_more_came():
    then = moments(97, 99.5)
    until = watched_until(then.at, [(101 * HOUR, 110 * HOUR)], 120 * HOUR)
    assert came(then, [FAULT], timedelta(hours=6), until).tolist() == [1, 1]


def test_all_moments_before_a_fault_are_taken_and_weights_make_up_for_the_others():
    hosts = [f"h{number}" for number in range(40)]
    faults = [Occurrence(host="h0", begin=500 * HOUR + 1, end=501 * HOUR)]
    chosen = choose_moments(hosts, 0, 999 * HOUR, faults)
    near = (chosen.host == 0) & (chosen.at > 494 * HOUR) & (chosen.at <= 500 * HOUR)
    assert near.sum() == 6
    assert chosen.weight[near].tolist() == [1.0] * 6
    assert chosen.weight.sum() == pytest.approx(40_000, rel=0.02)
    assert len(chosen) < 10_000
    assert np.all(np.diff(chosen.at) >= 0)


def test_a_host_is_compared_with_its_own_last_day_and_knows_nothing_later():
    values = np.random.default_rng(0).normal(10, 1, (2, 2 * PAST))
    values[0, PAST + 20 :] += 12
    then = Moments(
        ["a", "b"], np.array([0, 1, 0, 1]), np.array([18, 18, 40, 40]) * STEP_S + PAST * STEP_S, np.ones(4)
    )
    found = deviations(values, np.array([0, 1]), "high", then, 0.0)
    off, moved = found.off, found.moved
    assert off[:2] == pytest.approx([0, 0], abs=0.15)
    assert off[2] > 0.8
    assert off[3] < 0.15
    assert moved[2] > 0.8
    assert deviations(values, np.array([0, 1]), "low", then, 0.0).off[2] == 0


def test_what_nobody_measured_is_not_known():
    values = np.full((1, 2 * PAST), np.nan)
    found = deviations(values, np.array([0]), "both", moments(30), 0.0)
    assert np.isnan([found.off, found.moved]).all()
    assert np.isnan(found.columns("cpu")["there:cpu"]).all()


def test_a_series_that_is_away_hides_no_other_of_its_host_and_counts_as_away():
    values = np.random.default_rng(0).normal(10, 1, (3, 2 * PAST))
    values[0, PAST + 20 :] += 12
    values[1:, PAST + 20 :] = np.nan
    found = deviations(values, np.array([0, 0, 0]), "high", moments(30), 0.0).columns("cpu")
    assert found["off:cpu"] > 0.8
    assert found["there:cpu"] == pytest.approx(1 / 3)
    assert not is_known(found, {"cpu"}, 1)
    assert is_known({**found, "there:memory": np.array([0.9])}, {"cpu", "memory"}, 1)
    assert not is_known(found, {"cpu", "memory"}, 1)  # what was not answered is away as well
