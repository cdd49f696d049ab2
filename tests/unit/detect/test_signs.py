"""What one sample does not tell: series that scatter more, creep, stand still or are gone."""

from datetime import timedelta

import numpy as np
import pytest

from agent.collect import Answer, FrameBuffer, Poll
from agent.config.settings import DetectSection
from agent.detect import SeriesDetector
from agent.detect.signs import Stillness
from tests.make import NOW, signal


class Watch:
    """A detector with one signal, polled by hand; a sample that is None is missing."""

    def __init__(self, step=timedelta(seconds=15), **settings):
        self.step = step
        self.signals = {"x": signal("x", bad="both")}
        self.buffer = FrameBuffer(self.signals, 240, 100)
        self.detector = SeriesDetector(self.signals, DetectSection(**{"warm_up": 20, **settings}))
        self.buffer.on_renumber(self.detector.keep)
        self.polls = 0

    def poll(self, answered=True, **samples):
        at = NOW + self.polls * self.step
        self.polls += 1
        known = {host: value for host, value in samples.items() if value is not None}
        answer = Answer(0, [{"host": host} for host in known], list(known.values()))
        answers = {"x": answer} if answered else {}
        return self.detector.observe(self.buffer.add(Poll(at, answers)))


def noise(count, scale=0.5, seed=0):
    return 10 + np.random.default_rng(seed).normal(0, scale, count)


def test_a_series_that_scatters_more_is_a_variance_change():
    watch = Watch()
    for value in noise(600):
        assert not watch.poll(a=value)
    found = [one for value in noise(80, 3.0, seed=1) for one in watch.poll(a=value)]
    assert found
    assert found[-1].kind == "variance_change"


def test_a_series_that_creeps_away_is_found_though_each_sample_is_near_the_last():
    watch = Watch(step=timedelta(minutes=2))
    for value in noise(1500):
        assert not watch.poll(a=value)
    kinds = [one.kind for value in noise(500) + np.linspace(0, 5, 500) for one in watch.poll(a=value)]
    assert kinds


def test_a_series_that_stands_still_though_it_always_moved_is_a_flat_line():
    watch = Watch()
    for value in noise(300):
        assert not watch.poll(a=value)
    found = [watch.poll(a=10.25) for _ in range(30)]
    assert not found[8]
    assert found[-1][0].kind == "flat_line"
    assert not [watch.poll(a=value) for value in noise(20, seed=2)][-1]


@pytest.mark.parametrize("resting", [0.0, 7.0])
def test_what_often_rests_may_rest(resting):
    still = Stillness(20)
    chance = np.random.default_rng(0)
    worst = 0.0
    for turn in range(60):
        for value in [*chance.normal(5, 1, 20), *[resting] * 20]:
            strength = still.look(np.array([value]), np.array([True]))[0]
            worst = max(worst, strength if turn > 1 else 0.0)
    assert worst < 1


def test_a_series_that_was_always_there_and_is_gone_is_missing_data():
    watch = Watch()
    for value in noise(200):
        watch.poll(a=value, b=value)
    found = [watch.poll(b=value) for value in noise(20, seed=1)]
    assert not found[8]
    (gone,) = found[-1]
    assert (gone.kind, gone.labels["host"]) == ("missing_data", "a")
    assert np.isnan(gone.observed)
    assert not [watch.poll(a=value, b=value) for value in noise(10, seed=2)][-1]


def test_a_failed_query_is_no_missing_data():
    watch = Watch()
    for value in noise(200):
        watch.poll(a=value)
    assert not any(watch.poll(answered=False) for _ in range(100))


def test_a_series_that_another_one_replaces_is_label_churn():
    watch = Watch()
    for value in noise(200):
        watch.poll(old=value)
    assert not any(watch.poll(new=value) for value in noise(100, seed=1))


def test_a_series_that_comes_and_goes_is_not_missed():
    watch = Watch()
    found = [watch.poll(a=10.0 if turn % 10 < 7 else None, b=1.0) for turn in range(400)]
    assert not any(found)
    assert not any(watch.poll(b=1.0) for _ in range(50))


def test_missing_data_can_be_switched_off():
    watch = Watch(missing_after=0)
    for value in noise(200):
        watch.poll(a=value, b=1.0)
    assert not any(watch.poll(b=1.0) for _ in range(50))


def test_what_stays_away_for_a_day_is_accepted_as_gone():
    watch = Watch(new_normal_after=timedelta(minutes=10))
    for value in noise(200):
        watch.poll(a=value, b=1.0)
    found = [watch.poll(b=1.0) for _ in range(80)]
    assert found[20]
    assert not found[-1]
