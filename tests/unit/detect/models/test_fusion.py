"""Calibration, trust and threshold: what is rare is said to be as rare as it is, by every member alike."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from agent.detect.models.ensemble import Evidence, Fusion, learn_fusion, threshold_at
from agent.detect.models.tail import MOST, Tail

STEP = 60.0


def chance(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("draw", ["normal", "exponential", "pareto"])
def test_a_surprise_is_the_decimal_logarithm_of_a_rarity(draw):
    def drawn(count, seed):
        return chance(seed).pareto(4, count) if draw == "pareto" else getattr(chance(seed), draw)(size=count)

    tail = Tail.fit(drawn(5000, 0))
    surprises = tail.surprise(drawn(200_000, 1))
    for surprise in (1.0, 2.0, 3.0):
        share = (surprises > surprise).mean()
        assert 0.4 < share / 10**-surprise < 2.5


@settings(max_examples=40, deadline=None)
@given(arrays(np.float64, st.integers(1, 200), elements=st.floats(-1e9, 1e9)))
@example(np.array([1.0, 2.22507386e-311, 2.22507386e-313]))
def test_surprises_are_finite_and_rise_with_the_score(scores):
    tail = Tail.fit(scores)
    asked = np.sort(np.concatenate([scores, scores * 2, [-1e12, 0.0, 1e12]]))
    surprises = tail.surprise(asked)
    assert np.isfinite(surprises).all()
    assert (np.diff(surprises) >= -1e-9).all()
    assert surprises.max() <= MOST


def test_constant_scores_make_anything_higher_a_surprise():
    tail = Tail.fit(np.full(1000, 2.0))
    assert tail.surprise(np.array([2.0]))[0] < 1.5
    assert tail.surprise(np.array([3.0]))[0] == MOST


def test_the_level_is_the_inverse_of_the_surprise():
    tail = Tail.fit(chance().exponential(size=3000))
    for share in (0.3, 0.02, 1e-4):
        level = tail.level(share)
        assert tail.surprise(np.array([level]))[0] == pytest.approx(-np.log10(share), abs=0.05)


def evidence(healthy, faulty):
    return Evidence(healthy=healthy, faulty=faulty)


def test_a_member_that_sees_faults_is_trusted_more_than_one_that_is_blind():
    fault = chance(9).uniform(3, 6, 200)
    members = {
        "sees": evidence(chance(0).normal(size=4000), fault + chance(1).normal(size=200)),
        "sees too": evidence(chance(2).normal(size=4000), fault + chance(3).normal(size=200)),
        "blind": evidence(chance(4).normal(size=4000), chance(5).normal(size=200)),
    }
    weights = learn_fusion(members, STEP, 0.1).weights
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["blind"] < 0.1 < weights["sees"]


def test_a_member_that_drifts_is_trusted_less():
    fault = chance(9).uniform(4, 8, 200)
    drifting = chance(2).normal(size=4000)
    drifting[2000:] += 3
    members = {
        "steady": evidence(chance(0).normal(size=4000), fault),
        "drifting": evidence(drifting, fault + 3),
    }
    weights = learn_fusion(members, STEP, 0.1).weights
    assert weights["drifting"] < 0.7 * weights["steady"]


def power(score, healthy, threshold_share=0.999):
    return (score > np.quantile(healthy, threshold_share)).mean()


def test_the_fused_score_is_better_than_its_members():
    """Each member sees another half of the faults, and a third one sees nothing."""
    faulty = 400
    first = np.where(np.arange(faulty) % 2, 4.0, 0.0)
    signals = {"first": first, "second": 4.0 - first, "blind": np.zeros(faulty)}
    learned = {
        name: evidence(chance(n).normal(size=5000), shown + chance(n + 10).normal(size=faulty))
        for n, (name, shown) in enumerate(signals.items())
    }
    fusion = learn_fusion(learned, STEP, 0.1)
    healthy = {name: chance(n + 20).normal(size=20_000) for n, name in enumerate(signals)}
    tested = {
        name: np.repeat(shown, 8) + chance(n + 30).normal(size=8 * faulty)
        for n, (name, shown) in enumerate(signals.items())
    }
    alone = max(power(tested[name], healthy[name]) for name in signals)
    assert power(fusion.fuse(tested), fusion.fuse(healthy)) > 1.3 * alone


@pytest.mark.parametrize("asked", [0.2, 1.0])
def test_alarms_come_about_as_often_as_asked(asked):
    days = 200
    healthy = chance(1).exponential(0.35, size=7 * 1440)
    threshold = threshold_at(healthy, STEP, asked)
    later = chance(2).exponential(0.35, size=days * 1440)
    assert asked / 4 < (later > threshold).sum() / days < asked * 4


def test_fewer_false_alarms_need_a_higher_threshold():
    healthy = chance().exponential(0.3, size=7 * 1440)
    levels = [threshold_at(healthy, STEP, asked) for asked in (10, 1, 0.1, 0.01)]
    assert levels == sorted(levels)


def test_a_fusion_survives_its_state():
    members = {"a": evidence(chance(0).normal(size=500), chance(1).normal(size=50))}
    fusion = learn_fusion(members, STEP, 0.1)
    back = Fusion.from_state(fusion.state())
    scores = {"a": chance(2).normal(size=50)}
    np.testing.assert_array_equal(back.fuse(scores), fusion.fuse(scores))
    assert back.threshold == fusion.threshold
