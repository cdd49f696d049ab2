"""The layer for every series: strange values found, noise left alone, gaps neither."""

from datetime import timedelta

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
        scored = baseline.score(column, np.ones(10_000, bool), at=0.0)
    assert scored.judged.all()
    assert np.abs(scored.score).max() < 8


def test_a_daily_job_is_normal_once_some_days_were_seen():
    baseline = Baseline(20)
    worst = []
    for minute in range(8 * 1440):
        job = 50.0 if 600 <= minute % 1440 < 640 else 0.0
        value = 10 + job + np.random.default_rng(minute).normal(0, 0.5)
        scored = baseline.score(np.array([value]), np.array([True]), at=60.0 * minute)
        if minute % 1440 == 605:
            worst.append(float(abs(scored.score[0])))
    assert worst[0] > 20
    assert worst[-1] < worst[0] / 3


def test_what_lasts_for_long_is_accepted_as_the_new_normal():
    signals = {"x": signal("x", bad="both")}
    buffer = FrameBuffer(signals, 100, 100)
    detector = SeriesDetector(signals, DetectSection(warm_up=20, new_normal_after=timedelta(hours=1)))
    counts = []
    for minute, value in enumerate([*noise(100), *(noise(200) + 20)]):
        poll = Poll(NOW + timedelta(minutes=minute), {"x": Answer(0, [{"host": "web1"}], [value])})
        counts.append(len(detector.observe(buffer.add(poll))))
    assert counts[110] == counts[150] == 1
    assert counts[-1] == 0


def test_a_series_that_flaps_stays_open_longer_each_time():
    cycle = [*(noise(4) + 20), *noise(12)]
    opened = [len(found) for found in watch([*noise(100), *cycle * 6])]
    assert 0 in opened[104:117]
    assert all(opened[160:])


def test_an_open_anomaly_says_its_kind_and_where_to_look():
    (anomaly,) = watch([*noise(100), *(noise(30) + 20)])[-1]
    assert anomaly.kind == "level_shift"
    assert anomaly.query.startswith(f"({signal('x').query})")
    assert anomaly.since < anomaly.opened_at or anomaly.since == NOW


def test_a_storm_opens_the_strangest_and_says_that_there_are_more():
    signals = {"x": signal("x", bad="both")}
    buffer = FrameBuffer(signals, 30, 3000)
    detector = SeriesDetector(signals, DetectSection(warm_up=5))
    labels = [{"host": f"web{number}"} for number in range(1500)]
    for sample in range(20):
        values = [10.0 + (number if sample > 10 else 0) for number in range(1500)]
        found = detector.observe(buffer.add(Poll(NOW, {"x": Answer(0, labels, values)})))
    assert len(found) == 1000
    assert "web1499" in {one.entity for one in found}
