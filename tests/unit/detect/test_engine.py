"""The detector: strange values found, noise left alone, gaps neither."""

from datetime import timedelta

import numpy as np
import pytest

from agent.collect import Answer, FrameBuffer, Poll
from agent.config.settings import DetectSection
from agent.detect import Engine
from agent.records.metadata import MetricMetadata
from tests.make import NOW, signal
from tests.unit.detect.series import Watched, noise, watch

NAN = float("nan")


def test_noise_alarms_as_seldom_as_asked():
    opened = [bool(found) for found in watch(noise(7 * 720), step_s=120)]
    begins = np.flatnonzero(np.diff([False, *opened]))[::2]
    assert len(begins) <= 7


def test_a_step_is_found_at_once_and_explained():
    (anomaly,) = watch([*noise(300), *(noise(5) + 20)])[301]
    assert (anomaly.kind, anomaly.entity) == ("spike", "web1")
    assert anomaly.expected_low < 10 < anomaly.expected_high < anomaly.observed


def test_a_fault_that_begins_where_a_history_gets_closer_steps_is_told_and_not_learned():
    watched = Watched(step_s=15)
    for value in noise(3 * 288):
        watched.at += timedelta(minutes=5)
        answer = Answer(0, [{"host": "web1"}], [value])
        watched.engine.learn(watched.buffer.add(Poll(watched.at, {"x": answer})))
    opened = watched.show(noise(240) + 20)
    assert opened[5]
    (anomaly,) = opened[-1]
    assert anomaly.expected_high < 20


def test_nothing_is_rare_to_who_has_watched_for_less_than_half_an_hour():
    assert not any(watch([*noise(25), *(noise(4) + 20)]))
    assert watch([*noise(100), *(noise(5) + 20)])[-1]


def test_of_twenty_new_hosts_few_are_strange_in_their_first_hours():
    """Noise with bursts and steps, as real hosts have them: no past says yet how often they come."""
    ids = [f"s{number}" for number in range(20)]
    signals = {id_: signal(id_, bad="both") for id_ in ids}
    buffer, hosts = FrameBuffer(signals, 240, 1000), [{"host": f"web{number}"} for number in range(20)]
    engine = Engine(signals, DetectSection())
    chance, strange = np.random.default_rng(3), 0
    steps = np.zeros((20, 20))
    for minute in range(180):
        steps += (chance.random((20, 20)) < 0.01) * chance.normal(0, 2, (20, 20))
        values = 10 + steps + chance.standard_t(3, (20, 20))
        answers = {id_: Answer(0, hosts, row.tolist()) for id_, row in zip(ids, values, strict=True)}
        found = engine.observe(buffer.add(Poll(NOW + timedelta(minutes=minute), answers)))
        strange += len({one.entity for one in found})
    assert strange / 20 / 140 < 0.1


def test_it_closes_when_all_is_normal_again():
    opened = watch([*noise(300), *(noise(10) + 20), *noise(40, seed=1)])
    assert opened[309]
    assert not opened[-1]


@pytest.mark.parametrize("minutes", [50, 300])
def test_it_closes_soon_after_hours_of_a_fault_too(minutes):
    opened = watch([*noise(500), *(noise(minutes) + 20), *noise(40, seed=1)])
    assert opened[-41]
    assert not opened[-1]


@pytest.mark.parametrize(("bad", "found"), [("low", False), ("high", True), ("both", True)])
def test_only_the_bad_direction_counts(bad, found):
    assert any(watch([*noise(300), *(noise(10) + 20)], bad=bad)[300:]) is found


def test_a_gap_neither_opens_nor_closes():
    opened = watch([*noise(300), *(noise(5) + 20), *[NAN] * 20])
    assert opened[-1]
    assert not any(watch([*noise(300), *[NAN] * 10, *noise(20, seed=2)])[300:])


def test_a_fault_does_not_become_normal_while_it_lasts():
    assert watch([*noise(300), *(noise(300) + 20)])[-1]


def test_a_constant_series_has_a_floor_under_its_spread():
    assert not any(watch([5.0] * 100 + [5.001] * 20))
    assert any(watch([5.0] * 100 + [8.0] * 5))


def test_a_signal_that_is_not_watched_gives_nothing():
    signals = {"x": signal("x", detect=False)}
    engine, buffer = Engine(signals, DetectSection()), FrameBuffer(signals, 100, 10)
    for value in [*noise(100), *(noise(10) + 99)]:
        assert not engine.observe(buffer.add(Poll(NOW, {"x": Answer(0, [{"host": "a"}], [value])})))


@pytest.mark.parametrize("value", [1e308, -1e308, float("inf"), 0.0, 5e-324])
def test_extreme_values_break_nothing(value):
    with np.errstate(all="raise", under="ignore"):
        watch([*noise(50), value, value, value, *noise(50)])


def test_a_series_that_rested_and_then_lives_is_not_strange_for_ever():
    shown = watch([0.0] * 3000 + list(noise(2 * 1440)))
    assert any(shown[3000:3100])
    assert np.mean([bool(found) for found in shown[-600:]]) < 0.05


def test_a_daily_job_is_no_news_after_some_days():
    values = noise(9 * 720)
    for day in range(9):
        values[day * 720 + 300 : day * 720 + 320] += 50
    shown = watch(values, step_s=120)
    found = [any(shown[day * 720 + 300 : day * 720 + 325]) for day in range(9)]
    assert found[0]
    assert sum(found[4:]) <= 1


def test_what_lasts_for_long_is_accepted_as_the_new_normal():
    watched = Watched(detect=DetectSection(warm_up=20, new_normal_after=timedelta(hours=1)))
    shown = watched.show([*noise(300), *(noise(200) + 20)])
    assert shown[310]
    assert shown[350]
    assert not shown[-1]


def test_an_open_anomaly_says_its_kind_and_where_to_look():
    (anomaly,) = watch([*noise(300), *(noise(30) + 20)])[-1]
    assert anomaly.kind == "level_shift"
    assert anomaly.query == f'{signal("x").query}{{host="web1"}}'
    assert anomaly.since <= anomaly.opened_at


def test_confidence_never_falls_as_the_anomaly_grows():
    told = []
    for times in (1.08, 1.3, 2, 10, 100, 1e4, 1e9):
        (anomaly,) = watch([*noise(300, scale=0.1), *(noise(20, scale=0.1) * times)])[-1]
        told.append(anomaly.confidence)
    assert told == sorted(told)


def test_a_storm_opens_the_strangest_and_says_that_there_are_more():
    signals = {"x": signal("x", bad="both")}
    buffer = FrameBuffer(signals, 30, 3000)
    engine = Engine(signals, DetectSection(warm_up=5))
    labels = [{"host": f"web{number}"} for number in range(1500)]
    chance = np.random.default_rng(0)
    for sample in range(40):
        values = chance.normal(10, 0.1, 1500) + (np.arange(1500) + 5 if sample > 30 else 0)
        poll = Poll(NOW + timedelta(minutes=sample), {"x": Answer(0, labels, values.tolist())})
        found = engine.observe(buffer.add(poll))
    assert len([one for one in found if one.layer == "series"]) == 1000


def test_series_that_are_strange_together_make_their_entity_strange_until_soon_after():
    ids = [f"s{number}" for number in range(8)]
    signals = {id_: signal(id_, bad="both") for id_ in ids}
    buffer = FrameBuffer(signals, 240, 100)
    engine = Engine(signals, DetectSection())
    chance, at = np.random.default_rng(1), NOW
    begin, end, last = 2880, 3060, 3240  # polls: a minute apart for two days, then 20 seconds
    layers, told, open_ = set(), [], []
    for number in range(last):
        at += timedelta(seconds=60 if number < begin else 20)
        values = chance.normal(10, 0.5, 8) + (2.0 if begin <= number < end else 0.0)
        answers = {
            id_: Answer(0, [{"host": "web1"}], [value]) for id_, value in zip(ids, values, strict=True)
        }
        found = engine.observe(buffer.add(Poll(at, answers)))
        whole = [one for one in found if one.layer == "entity"]
        open_.append(bool(whole))
        if begin <= number < end:
            layers |= {(one.layer, one.kind) for one in found}
            told += [one.confidence for one in whole]
    assert ("entity", "correlated_shift") in layers
    assert told == sorted(told)
    assert all(open_[begin + 10 : end])
    assert open_[begin:end].index(True) == open_[begin:end].count(False)  # it opened once
    assert not all(open_[end:])


def test_a_counter_that_only_the_source_knows_as_one_is_judged_by_its_rate():
    frames = np.cumsum(np.full(60, 100.0) + np.random.default_rng(2).normal(0, 2, 60))
    named, told = Watched(query="frames_decoded"), Watched(query="frames_decoded")
    told.engine.take_metadata({"frames_decoded": MetricMetadata("counter")})
    for watched in (named, told):
        watched.show(frames)
    assert told.engine.judged.level[0] == pytest.approx(100 / 60, rel=0.05)
    assert named.engine.judged.level[0] > 1000


def test_a_difference_below_the_tolerance_is_no_anomaly():
    errors = [*np.zeros(2000), *np.full(10, 0.05)]
    assert any(watch(errors, bad="high"))
    assert not any(watch(errors, bad="high", tolerance=0.1))


def test_far_above_the_tolerance_it_is_one():
    errors = [*np.zeros(2000), *np.full(10, 5.0)]
    assert watch(errors, bad="high", tolerance=0.1)[-1]
