"""A file through the live detector: faults are found, named and explained; nothing looks ahead."""

from datetime import UTC, datetime

import numpy as np
import pytest

from agent.config.settings import DetectSection
from agent.detect import Engine
from agent.detect.replay import Replay
from agent.records import Frame, Series
from tests.make import signal

STEP = 300
DAY = 288


def frame(values, start=1_600_041_600, step=STEP, times=None, entity="a"):
    values = np.atleast_2d(np.asarray(values, float))
    times = start + step * np.arange(values.shape[1]) if times is None else np.asarray(times, float)
    series = [Series(f"m{row}", entity, {}) for row in range(len(values))]
    return Frame(
        at=datetime.fromtimestamp(times[-1], UTC),
        times=times.astype(float),
        values=values,
        series=series,
        rows={one.signal: np.array([row]) for row, one in enumerate(series)},
        answered=frozenset(one.signal for one in series),
    )


def daily(days=4, series=1, seed=0):
    chance = np.random.default_rng(seed)
    swing = np.sin(np.arange(days * DAY) / DAY * 2 * np.pi)
    return 10 + 3 * swing + chance.normal(0, 0.3, (series, days * DAY))


def judged(values, learn_from=None, **options):
    (verdicts,) = Replay(frame(values, **options), learn_from).run()
    return verdicts


def test_a_fault_stands_out_and_is_called_anomalous():
    values = daily()
    values[0, 1000:1012] += 8
    verdicts = judged(values)
    assert verdicts.anomalous[1001:1012].all()
    assert verdicts.score[1000:1012].max() == verdicts.score.max()
    assert verdicts.contributors[1005] == "m0"


def test_a_file_is_judged_as_the_agent_judges_its_polls():
    values = daily()
    values[0, 1000:1012] += 8
    made = frame(values)
    engine = Engine({"m0": signal("m0", bad="both")}, DetectSection())
    live = []
    for row in range(values.shape[1]):
        part = slice(max(row - 239, 0), row + 1)
        found = engine.observe(
            Frame(
                at=datetime.fromtimestamp(made.times[row], UTC),
                times=made.times[part],
                values=made.values[:, part],
                series=made.series,
                rows=made.rows,
                answered=made.answered,
            )
        )
        live.append([(one.kind, round(one.confidence, 9)) for one in found])
    verdicts = judged(values)
    told = [
        [(kind, round(sure, 9))] if strange else []
        for kind, sure, strange in zip(
            verdicts.kind, verdicts.confidence.tolist(), verdicts.anomalous.tolist(), strict=True
        )
    ]
    assert told == live
    assert any(live)


def test_what_a_rough_series_always_does_scores_below_a_fault_of_a_calm_one():
    rough, calm = daily(6), daily(6)
    rough[0, ::50] += 12
    calm[0, 1600:1612] += 6
    assert judged(rough).score[2 * DAY :].max() < judged(calm).score[1600:1612].max()


def test_a_series_that_stands_still_scores_while_it_is_anomalous():
    values = daily(6)
    values[0, 1600:1700] = values[0, 1599]
    verdicts = judged(values)
    still = np.array([kind == "flat_line" for kind in verdicts.kind])
    assert still.any()
    assert verdicts.score[still].min() > np.log1p(2)


def test_a_healthy_day_raises_next_to_no_alarm():
    assert judged(daily(8)).anomalous[3 * DAY :].mean() < 0.02


def test_the_series_that_fails_is_named_first():
    values = daily(series=6)
    values[4, 1000:1020] += 8
    assert judged(values).contributors[1015].split(";")[0] == "m4"


@pytest.mark.parametrize("series", [1, 3])
def test_no_verdict_uses_a_later_sample(series):
    values = daily(series=series)
    values[0, 1000:1012] += 8
    whole, part = judged(values), judged(values[:, :1006])
    np.testing.assert_allclose(whole.score[:1006], part.score, rtol=1e-9)
    np.testing.assert_array_equal(whole.anomalous[:1006], part.anomalous)
    assert whole.kind[:1006] == part.kind


def test_what_was_learned_first_is_no_news():
    job = daily(11, series=3)
    job[:, 100::DAY] += 6
    first, then = job[:, : 8 * DAY], job[:, 8 * DAY :]
    learned = judged(then, frame(first), start=1_600_041_600 + 8 * DAY * STEP)
    assert len(learned.score) == 3 * DAY
    assert learned.anomalous.mean() < 0.05


def test_a_history_to_learn_from_may_be_later_than_what_is_judged():
    assert len(judged(daily(2), frame(daily(3), start=1_700_000_000)).score) == 2 * DAY


def test_missing_samples_are_a_state_of_their_own():
    values = daily(series=2)
    values[1, 1000:1040] = np.nan
    verdicts = judged(values)
    assert "missing_data" in verdicts.kind[1015:1040]
    assert not verdicts.anomalous[900:1000].any()


def test_a_series_that_always_moved_and_stands_still_is_a_flat_line():
    values = daily(series=2)
    values[0, 1000:] = values[0, 999]
    assert "flat_line" in judged(values).kind[1000:1100]


def test_gaps_of_months_between_bursts_take_no_time_and_no_memory():
    times = np.concatenate([1_600_000_000 + 1e7 * burst + 60.0 * np.arange(50) for burst in range(20)])
    verdicts = judged(np.random.default_rng(0).normal(10, 1, (1, len(times))), times=times)
    assert len(verdicts.score) == len(times)
