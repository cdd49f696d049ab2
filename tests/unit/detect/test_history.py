"""Offline detection: faults are found, named and explained; nothing looks ahead; bad input does no harm."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.detect.history import detect_history
from agent.records import Frame, Series

STEP = 300
DAY = 288


def frame(values, start=1_600_000_000, step=STEP, times=None, entity="a"):
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


def judged(values, **options):
    (verdicts,) = detect_history(frame(values, **options))
    return verdicts


def test_a_fault_stands_out_and_is_called_anomalous():
    values = daily()
    values[0, 1000:1012] += 8
    verdicts = judged(values)
    assert verdicts.anomalous[1000:1012].all()
    assert verdicts.score[1000:1012].max() == verdicts.score.max()
    assert verdicts.contributors[1005] == "m0"


def test_a_healthy_day_raises_next_to_no_alarm():
    assert judged(daily(6)).anomalous[3 * DAY :].mean() < 0.01


def test_the_series_that_fails_is_named_first():
    values = daily(series=6)
    values[4, 1000:1020] += 8
    assert judged(values).contributors[1015].split(";")[0] == "m4"


@pytest.mark.parametrize("series", [1, 5])
@pytest.mark.parametrize("rows", [300, 777, 1100])
def test_no_score_uses_a_later_sample(series, rows):
    values = daily(series=series)
    values[0, 700:720] += 9
    values[-1, 900:950] = np.nan
    whole, cut = judged(values), judged(values[:, :rows])
    # a matrix of another shape is multiplied in another order: not all digits are the same everywhere
    np.testing.assert_allclose(whole.score[:rows], cut.score, rtol=1e-5)
    np.testing.assert_array_equal(whole.anomalous[:rows], cut.anomalous)
    assert whole.kind[:rows] == cut.kind
    assert whole.contributors[:rows] == cut.contributors


def test_what_was_learned_first_is_no_news():
    values = daily(series=4)
    values[0, DAY:] += 6
    (alone,) = detect_history(frame(daily(1, 4, seed=1)), frame(daily(4, 4)))
    (after,) = detect_history(frame(values[:, DAY:]), frame(daily(4, 4)))
    assert alone.anomalous.mean() < 0.03
    assert after.anomalous[:20].any()


def test_a_history_to_learn_from_may_be_later_than_what_is_judged():
    (verdicts,) = detect_history(frame(daily(1, 3)), frame(daily(4, 3), start=1_600_000_000 + 1000 * 86_400))
    assert len(verdicts.score) == DAY
    assert verdicts.anomalous.mean() < 0.03


def test_missing_samples_are_a_state_of_their_own():
    values = daily()
    values[0, 1000:1040] = np.nan
    verdicts = judged(values)
    assert verdicts.kind[1010] == "missing_data"
    assert not verdicts.anomalous[1002]
    assert verdicts.score[1001] <= verdicts.score[999:1000].max() + 1


def test_a_series_that_never_moves_and_then_does_is_found():
    values = np.full((1, 800), 5.0)
    values[0, 700:] = 6.0
    verdicts = judged(values)
    assert not verdicts.anomalous[:700].any()
    assert verdicts.anomalous[700]


def test_what_is_known_only_after_a_day_raises_no_alarm_when_it_comes():
    chance = np.random.default_rng(0)
    verdicts = judged(chance.normal(100, 3, (8, 2 * DAY)))
    assert not verdicts.anomalous[DAY:].any()


def test_rows_before_there_is_a_past_are_not_judged():
    verdicts = judged(daily()[:, :60])
    assert not verdicts.anomalous.any()
    assert (verdicts.score == 0).all()


def test_gaps_of_days_and_bursts_keep_the_grid_bounded():
    times = np.concatenate([np.arange(300), 1e6 + np.arange(300), 9e8 + np.arange(300)])
    values = np.random.default_rng(0).normal(5, 1, (1, 900))
    assert len(judged(values, times=times).score) == 900


values = st.one_of(
    st.floats(allow_nan=True, allow_infinity=False, width=64),
    st.sampled_from([0.0, 1e308, -1e308, 1e-308, float("nan")]),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(values, min_size=1, max_size=6), st.integers(1, 400), st.integers(1, 3))
def test_no_value_breaks_it(pattern, rows, series):
    cells = np.resize(np.array(pattern), (series, rows))
    verdicts = judged(cells)
    assert np.isfinite(verdicts.score).all()
    assert (verdicts.score >= 0).all()
    assert ((verdicts.confidence >= 0) & (verdicts.confidence <= 1)).all()
    assert len(verdicts.kind) == len(verdicts.contributors) == rows


def test_a_fault_does_not_become_normal_while_it_lasts_for_hours():
    values = daily(6)
    values[0, 4 * DAY : 4 * DAY + 100] += 9
    assert judged(values).anomalous[4 * DAY : 4 * DAY + 100].mean() > 0.5


def test_a_series_that_always_moved_and_stands_still_is_a_flat_line():
    values = np.random.default_rng(0).normal(10, 0.3, (3, 4 * DAY))
    values[1, 1000:1060] = 10.1  # as usual as can be
    verdicts = judged(values)
    assert not verdicts.anomalous[1000:1012].any()
    assert verdicts.anomalous[1025:1060].all()
    assert set(verdicts.kind[1025:1060]) == {"flat_line"}
    assert verdicts.contributors[1030].split(";")[0] == "m1"
    assert not verdicts.anomalous[1080:].any()


@pytest.mark.parametrize(
    "habit",
    [
        lambda values: np.where(values > 12, values, 0.0),  # idle at nothing for half of each day
        lambda values: np.repeat(values[:, ::12], 12, axis=1),  # one sample an hour, repeated
        lambda values: np.round(values / 20) * 20,  # a gauge that hardly ever moves
    ],
)
def test_what_often_rests_raises_no_alarm_by_resting(habit):
    assert "flat_line" not in judged(habit(daily(8, 2))).kind
