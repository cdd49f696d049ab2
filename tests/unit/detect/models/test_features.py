"""The feature maker: what is usual is near zero, what is not is far, and nothing makes it fail."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from agent.detect.models.features import (
    ROWS_BEFORE,
    FeaturePlan,
    choose_pairs,
    clean_values,
    expected_levels,
    find_counters,
    learn_plan,
    make_features,
)

STEP = 60.0
NASTY = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True, width=64),
    st.sampled_from([0.0, 1e308, -1e308, float("nan"), float("inf"), 1e-320]),
)


def times(count, start=1_700_006_400.0):
    return start + STEP * np.arange(count)


def noise(count=600, width=3, seed=0):
    return 10 + np.random.default_rng(seed).normal(0, 1, (count, width))


def plan_of(values, roles=None):
    roles = roles or ["latency"] * values.shape[1]
    return learn_plan(values, times(len(values)), roles, STEP)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 4).flatmap(
        lambda width: st.tuples(
            arrays(np.float64, st.tuples(st.integers(1, 60), st.just(width)), elements=NASTY),
            arrays(np.float64, st.tuples(st.integers(1, 40), st.just(width)), elements=NASTY),
        )
    )
)
def test_whatever_was_and_comes_features_are_finite_and_bounded(pair):
    learned, newest = pair
    roles = ["traffic", "errors", "latency", "saturation"][: learned.shape[1]]
    plan = learn_plan(learned, times(len(learned)), roles, STEP)
    features = make_features(plan, newest, times(len(newest)))
    assert features.shape == (len(newest), plan.size)
    assert np.isfinite(features).all()
    assert np.abs(features).max() <= 10


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(ROWS_BEFORE + 1, 80))
def test_a_row_has_the_same_features_however_much_came_before(seed, count):
    values = noise(200, seed=seed)
    plan = plan_of(values)
    whole = make_features(plan, values, times(200))
    part = make_features(plan, values[-count:], times(200)[-count:])
    np.testing.assert_allclose(part[-1], whole[-1], atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.floats(1e-3, 1e6), st.floats(-1e6, 1e6))
def test_units_do_not_matter(factor, offset):
    values = noise(300)
    other = factor * (values - 10) + offset
    # the floor on a scale is a share of the level: a series that hardly moves at its level is constant
    if abs(offset) * 0.02 > factor * 0.5:
        return
    one = make_features(plan_of(values - 10), values - 10, times(300))
    two = make_features(plan_of(other), other, times(300))
    np.testing.assert_allclose(one[ROWS_BEFORE:, :3], two[ROWS_BEFORE:, :3], atol=0.3)


def test_a_counter_becomes_a_rate_and_a_reset_is_no_fall():
    rate = np.full((400, 1), 5.0 * STEP)
    counted = np.cumsum(rate, axis=0)
    counted[200:] -= counted[199]  # restarted
    plan = plan_of(counted)
    assert plan.counter.all()
    np.testing.assert_allclose(clean_values(plan, counted)[1:], 5.0)


def test_a_counter_over_a_gap_keeps_its_rate():
    counted = np.cumsum(np.full((400, 1), 5.0 * STEP), axis=0)
    plan = plan_of(counted)
    counted[100:103] = np.nan
    np.testing.assert_allclose(clean_values(plan, counted)[103], 5.0)


@pytest.mark.parametrize(
    "values",
    [
        noise(400, 1),
        np.full((400, 1), 7.0),
        np.linspace(5, 0, 400)[:, None],
        np.sin(np.arange(400.0))[:, None],
    ],
    ids=["noise", "constant", "falling", "swinging"],
)
def test_gauges_are_no_counters(values):
    assert not find_counters(values).any()


def test_a_counter_that_resets_every_sample_is_no_trouble():
    values = np.tile([[100.0], [1.0]], (200, 1))
    assert np.isfinite(make_features(plan_of(values), values, times(400))).all()


def test_a_constant_series_has_a_floor_under_its_scale():
    values = np.full((300, 2), 50.0)
    plan = plan_of(values)
    values[-1, 0] = 50.4
    assert np.abs(make_features(plan, values, times(300))[-1, 0]) < 0.5


def test_one_absurd_sample_sets_no_scale():
    values = noise(5000, 1)
    values[1234] = 1e308
    assert plan_of(values).scale[0] < 5


def test_a_gap_counts_as_usual():
    values = noise()
    plan = plan_of(values)
    values[-3:, 1] = np.nan
    features = make_features(plan, values, times(600))
    assert features[-1, 1] == 0


def test_the_time_of_day_is_learned_after_three_days():
    at = times(4 * 1440)
    values = 100 + 50 * np.sin(2 * np.pi * at / 86_400)[:, None] + noise(len(at), 1)
    plan = learn_plan(values, at, ["traffic"], STEP)
    later = times(60, at[-1] + STEP)
    usual = 110 + 50 * np.sin(2 * np.pi * later / 86_400)
    assert np.abs(expected_levels(plan, later)[:, 0] - usual).max() < 8
    midnight_as_at_noon = make_features(plan, np.full((60, 1), 10.0 + 100 - 40), later)
    assert np.abs(midnight_as_at_noon[-1, 3]) > 2


def test_a_ratio_of_roles_shows_what_neither_series_shows():
    chance = np.random.default_rng(0)
    traffic = chance.uniform(100, 1000, 800)
    values = np.column_stack([traffic, 0.01 * traffic * chance.uniform(0.9, 1.1, 800)])
    plan = plan_of(values, ["traffic", "errors"])
    assert plan.pairs.tolist() == [[1, 0]]
    values[-1] = [150, 9.0]  # both seen before, never together
    features = make_features(plan, values, times(800))
    assert np.abs(features[-1, :2]).max() < 1.5
    assert features[-1, 8] > 3


def test_pairs_are_what_went_wrong_per_traffic():
    assert choose_pairs(["availability", "latency"]).tolist() == []
    assert choose_pairs(["latency", "traffic", "errors"]).tolist() == [[2, 1], [0, 1]]


def test_a_plan_survives_its_state():
    values = noise()
    plan = plan_of(values, ["traffic", "errors", "latency"])
    back = FeaturePlan.from_state(plan.state())
    np.testing.assert_array_equal(
        make_features(back, values, times(600)), make_features(plan, values, times(600))
    )
