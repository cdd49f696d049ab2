"""Counters become what was counted in each row; gauges stay as they are."""

import numpy as np
import pytest

from agent.diagnose.cause.counters import as_rates

STEADY = np.cumsum(np.full(20, 5.0))


def rates(name, values, paired=()):
    return as_rates(np.array([values], dtype=float), [name], paired)[0]


def test_a_counter_becomes_its_increase():
    np.testing.assert_array_equal(rates("requests_total", STEADY), np.full(20, 5.0))


def test_a_counter_of_errors_that_hardly_ever_counts_is_one_all_the_same():
    counted = np.r_[np.zeros(15), 4.0, 4.0, 9.0, 9.0, 9.0]
    np.testing.assert_array_equal(rates("errors_total", counted)[14:], [0, 4, 0, 5, 0, 0])


def test_a_process_that_starts_anew_counts_from_zero():
    told = rates("requests_total", np.r_[STEADY[:10], STEADY[:10]])
    np.testing.assert_array_equal(told, np.full(20, 5.0))


@pytest.mark.parametrize(
    "values", [np.r_[STEADY[:10], STEADY[9] - 1, STEADY[10:19]], np.arange(20) % 3, STEADY * -1]
)
def test_what_falls_again_and_again_is_no_counter(values):
    np.testing.assert_array_equal(rates("things_total", values), values)


def test_a_gauge_named_count_that_jumps_once_keeps_its_jump():
    threads = np.r_[np.full(10, 50.0), np.full(10, 80.0)]
    np.testing.assert_array_equal(rates("thread_count", threads), threads)
    assert rates("request_seconds_count", threads, paired=[0])[-1] == 0


def test_gaps_stay_gaps():
    with_gap = STEADY.copy()
    with_gap[5] = np.nan
    assert np.isnan(rates("requests_total", with_gap)[5])
    assert np.isnan(rates("requests_total", np.full(20, np.nan))).all()
