"""A series that has changed for good counts from where it is, as long as it is one of few."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.detect.causal import Schedule
from agent.detect.entity import score_entity
from agent.detect.rebase import rebased

DAY = 96
SERIES = 10
MOVED = 5 * DAY


def schedule(rows, learn_until=4 * DAY):
    return Schedule(rows=rows, day=DAY, learn_until=learn_until)


def samples(seed=1, days=8):
    return np.random.default_rng(seed).normal(50, 1, (days * DAY, SERIES))


def moved(count, until=None):
    values = samples()
    values[MOVED:until, :count] += 400
    return values


def test_one_that_has_moved_is_strange_for_half_a_day_and_then_as_normal_as_the_others():
    values = moved(1)
    found = rebased(values, schedule(len(values))).values
    assert (found[MOVED : MOVED + DAY // 2, 0] > 440).all()
    assert np.abs(found[MOVED + 3 * DAY // 4 :, 0] - 50).max() < 6
    assert np.array_equal(found[:, 1:], values[:, 1:])
    assert np.array_equal(found[:MOVED], values[:MOVED])


def test_what_happens_to_it_where_it_is_now_is_seen():
    values = moved(1)
    values[7 * DAY : 7 * DAY + 5, 0] += 30
    found = rebased(values, schedule(len(values))).values
    assert (found[7 * DAY : 7 * DAY + 5, 0] > 70).all()


def test_what_varies_more_where_it_is_is_taken_to_vary_as_before():
    values = moved(1)
    values[MOVED:, 0] = 450 + 100 * (values[MOVED:, 0] - 450)
    found = rebased(values, schedule(len(values))).values
    assert 0.5 < found[7 * DAY :, 0].std() < 1.5


def test_one_that_never_moved_before_is_quiet_where_it_is():
    values = moved(1)
    values[:MOVED, 0] = 50.0
    found = rebased(values, schedule(len(values))).values
    assert np.abs(found[7 * DAY :, 0] - 50).max() < 0.5


def test_many_that_have_moved_are_the_entitys_trouble_and_stay():
    values = moved(3)
    assert np.array_equal(rebased(values, schedule(len(values))).values, values)


def test_one_that_comes_back_is_normal_at_once():
    values = moved(1, until=7 * DAY)
    found = rebased(values, schedule(len(values))).values
    assert (np.abs(found[7 * DAY :] - 50) <= np.abs(values[7 * DAY :] - 50) + 0.1).all()


@pytest.mark.parametrize("learn_until", [0, 8 * DAY])
def test_models_that_learn_along_need_none_of_it(learn_until):
    values = moved(1)
    assert np.array_equal(rebased(values, schedule(len(values), learn_until)).values, values)


@pytest.mark.parametrize("series", [1, 4])
def test_among_few_series_each_is_a_large_part(series):
    values = moved(1)[:, :series]
    assert np.array_equal(rebased(values, schedule(len(values))).values, values)


@given(st.integers(0, 2**32 - 1), st.integers(0, 3), st.integers(4 * DAY, 8 * DAY - 1))
def test_it_looks_not_ahead_keeps_gaps_and_can_be_undone(seed, count, row):
    chance = np.random.default_rng(seed)
    values = samples(seed)
    values[4 * DAY + int(chance.integers(DAY)) :, :count] += chance.normal(0, 1e4, count)
    values[chance.random(values.shape) < chance.choice([0.0, 0.1, 0.9])] = np.nan
    values[:, chance.integers(SERIES)] = chance.choice([np.nan, 0.0, 7.0, 1e100])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = rebased(values, schedule(len(values)))
        cut = rebased(values[:row], schedule(row))
    assert np.array_equal(np.isnan(found.values), np.isnan(values))
    assert np.array_equal(cut.values, found.values[:row], equal_nan=True)
    assert np.allclose(found.original(found.values), values, equal_nan=True)


def test_a_series_that_was_moved_hides_no_fault_of_another():
    chance = np.random.default_rng(3)
    load = np.convolve(chance.normal(size=12 * DAY), np.ones(8) / 8, "same")[:, None]
    values = 100 + 10 * (load * chance.uniform(0.5, 1, SERIES) + chance.normal(0, 0.3, (12 * DAY, SERIES)))
    values[9 * DAY :, 0] += 5000  # moved for good
    values[11 * DAY : 11 * DAY + 8, 4] += 60  # and a fault of another
    scores = score_entity(values, 900.0, schedule(len(values), 8 * DAY))
    size = np.nan_to_num(np.abs(scores.deviations))
    assert (size[9 * DAY + 4 : 9 * DAY + 20].argmax(1) == 0).all()
    assert (size[11 * DAY : 11 * DAY + 4].argmax(1) == 4).all()
    assert scores.fresh[11 * DAY : 11 * DAY + 8].max() > 2 * np.median(scores.fresh[10 * DAY : 11 * DAY])
    assert 5050 < np.median(scores.expected[10 * DAY : 11 * DAY, 0]) < 5150
