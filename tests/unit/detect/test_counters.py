"""Counters: rates with resets, whatever is counted."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.detect.counters import Counters, counting_columns, rates

NAN = float("nan")


def test_a_counter_that_begins_anew_is_a_rate_from_nothing():
    values = np.array([[0.0, 30.0, 60.0, 15.0, NAN, 45.0]])
    found = rates(values, np.arange(6) * 15.0)
    assert found[0, 1:4].tolist() == [2.0, 2.0, 1.0]
    assert np.isnan(found[0, [0, 4]]).all()
    assert found[0, 5] == 1.0  # over the gap


def test_poll_by_poll_it_is_what_it_is_over_a_whole_history():
    chance = np.random.default_rng(0)
    values = np.cumsum(chance.integers(0, 9, (3, 50)), axis=1).astype(float)
    values[1, 20:] -= values[1, 20] - 1
    values[2, 10:14] = NAN
    times = np.cumsum(chance.uniform(5, 20, 50))
    counters, counting = Counters(), np.array([True, True, True])
    live = np.array([counters.newest(values[:, row], counting, times[row]) for row in range(50)]).T
    np.testing.assert_allclose(live, rates(values, times))


samples = st.one_of(st.floats(0, 1e308), st.sampled_from([NAN, 0.0, float("inf")]))


@settings(max_examples=50)
@given(st.lists(samples, min_size=1, max_size=40))
def test_a_rate_is_never_negative_even_when_it_resets_at_every_sample(values):
    found = rates(np.array([values]), np.arange(len(values)) * 15.0)
    assert not (found < 0).any()


def test_gauges_stay_as_they_are():
    counters = Counters()
    kept = counters.newest(np.array([5.0, 9.0]), np.array([False, True]), 0.0)
    assert kept[0] == 5.0
    assert np.isnan(kept[1])


def test_in_a_file_name_and_behaviour_tell_a_counter():
    rising, falling = np.arange(50.0), np.tile([5.0, 1.0], 25)
    names = ["a_total", "b_total", 'c_sum{x="y"}', "c_bucket", "d_rows"]
    found = counting_columns(names, np.array([rising, falling, rising, rising, rising]))
    assert found.tolist() == [True, False, True, True, False]
