"""The layer for every series: strange values found, noise left alone, gaps neither."""

import numpy as np
import pytest

from agent.collect import Answer, FrameBuffer, Poll
from agent.config.settings import DetectSection
from agent.detect import SeriesDetector
from agent.detect.baseline import Baseline
from tests.make import NOW, signal

NAN = float("nan")


def watch(values, **fields):
    """Show a detector one series, sample by sample, and return the anomalies open after each."""
    signals = {"x": signal("x", **{"bad": "both", **fields})}
    buffer = FrameBuffer(signals, 100, 100)
    detector = SeriesDetector(signals, DetectSection(warm_up=20))
    opened = []
    for value in values:
        answer = Answer(0, [], []) if np.isnan(value) else Answer(0, [{"host": "web1"}], [value])
        opened.append(detector.observe(buffer.add(Poll(NOW, {"x": answer}))))
    return opened


def noise(count=200, seed=0):
    return 10 + np.random.default_rng(seed).normal(0, 0.5, count)


def test_noise_is_normal():
    assert not any(watch(noise(2000)))


def test_a_step_is_found_after_three_samples_and_explained():
    opened = watch([*noise(100), *(noise(5) + 20)])
    assert not opened[101]
    (anomaly,) = opened[102]
    assert (anomaly.kind, anomaly.entity) == ("spike", "web1")
    assert anomaly.expected_low < 10 < anomaly.expected_high < anomaly.observed


def test_one_strange_sample_is_not_yet_an_anomaly():
    values = noise(200)
    values[150] = 100
    assert not any(watch(values))


def test_it_closes_after_some_normal_samples():
    opened = watch([*noise(100), *(noise(10) + 20), *noise(20, seed=1)])
    assert opened[109]
    assert not opened[-1]


@pytest.mark.parametrize(("bad", "found"), [("low", False), ("high", True), ("both", True)])
def test_only_the_bad_direction_counts(bad, found):
    assert any(watch([*noise(100), *(noise(10) + 20)], bad=bad)) is found


def test_a_gap_neither_opens_nor_closes():
    opened = watch([*noise(100), *(noise(5) + 20), *[NAN] * 20])
    assert opened[-1]
    assert not any(watch([*noise(100), *[NAN] * 20, *noise(20, seed=2)]))


def test_a_fault_does_not_become_normal_while_it_lasts():
    assert watch([*noise(100), *(noise(500) + 20)])[-1]


def test_a_constant_series_has_a_floor_under_its_spread():
    assert not any(watch([5.0] * 100 + [5.01] * 20))
    assert any(watch([5.0] * 100 + [8.0] * 5))


def test_a_signal_that_is_not_watched_gives_nothing():
    assert not any(watch([*noise(100), *(noise(10) + 99)], detect=False))


@pytest.mark.parametrize("value", [1e308, -1e308, float("inf"), 0.0, 5e-324])
def test_extreme_values_break_nothing(value):
    with np.errstate(all="raise", under="ignore"):
        watch([*noise(50), value, value, value, *noise(50)])


def test_ten_thousand_series_are_one_pass():
    baseline = Baseline(warm_up=5)
    values = np.random.default_rng(0).normal(100, 1, (40, 10_000))
    for column in values:
        scored = baseline.score(column, np.ones(10_000, bool))
    assert scored.judged.all()
    assert np.abs(scored.score).max() < 8
