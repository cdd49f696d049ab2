"""A foresight is in force only where it is better than the base rate, and than what is known already."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from agent.learn.failures.moments import came
from agent.learn.failures.training import _steps, train_foresight
from agent.learn.faults.examples import Table

END = 24 * 86_400.0


@pytest.fixture(scope="session")
def trained(past, silent, tmp_path_factory):
    moments, faults, columns = past
    return train_foresight(moments, columns, faults, silent, END, tmp_path_factory.mktemp("work"))


def test_what_rises_before_faults_foretells_them_calibrated(trained, past):
    one = trained.horizons[0]
    assert one.worth_asking, one.why
    assert trained.better
    assert one.figures.brier < 0.5 * one.figures.brier_base
    for found in one.figures.calibration:
        if found.moments > 300:
            assert found.came == pytest.approx(found.probability, abs=0.1)
    assert one.foresight.reasons(np.ones(len(one.foresight.features))) == ["off:rising"]


def test_where_nothing_tells_of_faults_nothing_is_said(past, silent, tmp_path):
    moments, faults, columns = past
    noise = {name: columns[name] for name in ("off:noise", "there:noise")}
    found = train_foresight(moments, noise, faults, silent, END, tmp_path)
    assert not any(one.worth_asking for one in found.horizons)
    assert not found.better
    assert "not better than the base rate" in found.horizons[0].why
    assert not list(tmp_path.iterdir())


def test_what_forecasts_say_already_is_not_sold_again(past, tmp_path):
    moments, faults, columns = past
    six_hours = timedelta(hours=6)
    knows = {six_hours: np.nan_to_num(came(moments, faults, six_hours, END))}
    found = train_foresight(moments, columns, faults, knows, END, tmp_path)
    assert not any(one.worth_asking for one in found.horizons)
    assert "not better than forecasts of what is used up" in found.horizons[0].why


def test_moments_of_which_too_little_is_known_teach_and_judge_nothing(past, silent, tmp_path):
    moments, faults, columns = past
    away = np.random.default_rng(5).random(len(moments)) < 0.3
    torn = {name: np.where(away, np.nan, column) for name, column in columns.items() if name[:3] == "off"}
    torn |= {name: np.where(away, 0.0, column) for name, column in columns.items() if name[:5] == "there"}
    (found,) = train_foresight(moments, torn, faults, silent, END, tmp_path).horizons
    rest = moments.part(np.flatnonzero(~away))
    known = {name: column[~away] for name, column in columns.items()}
    (alone,) = train_foresight(
        rest, known, faults, {key: one[~away] for key, one in silent.items()}, END, tmp_path
    ).horizons
    assert found.worth_asking, found.why
    assert (found.foresight, found.figures) == (alone.foresight, alone.figures)


def test_a_feature_that_is_missing_now_and_then_says_so_and_is_not_taken_for_calm(past, silent, tmp_path):
    moments, faults, columns = past
    away = np.random.default_rng(5).random(len(moments)) < 0.3
    torn = {**columns, "off:rising": np.where(away, np.nan, columns["off:rising"])}
    (found,) = train_foresight(moments, torn, faults, silent, END, tmp_path).horizons
    one = found.foresight
    rising = one.features.index("off:rising")
    row = np.array([0.1] * len(one.features))
    calm, missing = row.copy(), row.copy()
    calm[rising], missing[rising] = 0.05, np.nan
    says = one.probabilities(np.stack([calm, missing]))
    assert says[1] > 2 * says[0]
    assert one.usual[rising] == pytest.approx(np.nanmean(torn["off:rising"]), rel=0.2)


def test_of_a_few_faults_nothing_is_claimed(past, silent, tmp_path):
    moments, faults, columns = past
    found = train_foresight(moments, columns, faults[:20], silent, END, tmp_path)
    assert all(one.foresight is None and "too few faults" in one.why for one in found.horizons)


def test_one_as_good_as_the_one_in_force_runs_beside_it(trained, past, silent, tmp_path):
    moments, faults, columns = past
    again = train_foresight(moments, columns, faults, silent, END, tmp_path, trained.horizons)
    assert not again.better
    assert "not better by more than chance" in again.why
    figures = again.horizons[0].figures
    assert figures.brier_in_force == pytest.approx(figures.brier)


def test_a_better_one_takes_the_place_of_the_one_in_force(trained, past, silent, tmp_path):
    moments, faults, columns = past
    vague = replace(
        trained.horizons[0].foresight, came=[0.3 * one + 0.1 for one in trained.horizons[0].foresight.came]
    )
    before = [replace(trained.horizons[0], foresight=vague)]
    found = train_foresight(moments, columns, faults, silent, END, tmp_path, before)
    assert found.better
    assert found.horizons[0].figures.brier < found.horizons[0].figures.brier_in_force


def test_one_in_force_that_is_worse_than_silence_gives_way_to_silence(trained, past, silent, tmp_path):
    moments, faults, columns = past
    wrong = replace(
        trained.horizons[0].foresight,
        features=["off:noise"],
        weights=[9.0],
        usual=[0.0],
        missing=[0.0],
        bias=-4.0,
    )
    before = [replace(trained.horizons[0], foresight=wrong)]
    noise = {name: columns[name] for name in ("off:noise", "there:noise")}
    found = train_foresight(moments, noise, faults, silent, END, tmp_path, before)
    assert not any(one.worth_asking for one in found.horizons)
    assert found.better
    assert "no better than saying nothing" in found.why


def test_what_cannot_be_compared_with_the_one_in_force_does_not_take_its_place(
    trained, past, silent, tmp_path
):
    moments, faults, columns = past
    found = train_foresight(moments, columns, faults[:20], silent, END, tmp_path, trained.horizons)
    assert not found.better
    assert "too little was held back to compare" in found.why


def test_means_of_equal_odds_do_not_fall_by_rounding():
    rng = np.random.default_rng(5)
    for _ in range(40):
        odds = rng.choice(rng.normal(size=3), 4000)
        codes = (rng.random(4000) < 0.3).astype(np.intp)
        table = Table(np.zeros((4000, 1)), codes, rng.uniform(0.5, 2.0, 4000), ("no", "yes"))
        at, came_of = _steps(odds, table)
        assert (np.diff(at) >= 0).all()
        assert (np.diff(came_of) >= 0).all()
