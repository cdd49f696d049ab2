"""A foresight is in force only where it is better than the base rate, and than what is known already."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import orjson
import pytest

from agent.errors import ModelError
from agent.learn.failures.moments import came
from agent.learn.failures.shelf import ForesightShelf
from agent.learn.failures.training import train_foresight

END = 24 * 86_400.0
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def trained(past, silent, tmp_path_factory):
    moments, faults, columns = past
    return train_foresight(moments, columns, faults, silent, END, tmp_path_factory.mktemp("work"))


def test_what_rises_before_faults_foretells_them_calibrated(trained, past):
    one = trained[0]
    assert one.in_force, one.why
    assert one.figures.brier < 0.5 * one.figures.brier_base
    for found in one.figures.calibration:
        if found.moments > 300:
            assert found.came == pytest.approx(found.probability, abs=0.1)
    assert one.foresight.reasons(np.ones(len(one.foresight.features))) == ["off:rising"]


def test_where_nothing_tells_of_faults_nothing_is_said(past, silent, tmp_path):
    moments, faults, columns = past
    noise = {name: columns[name] for name in ("off:noise", "there:noise")}
    found = train_foresight(moments, noise, faults, silent, END, tmp_path)
    assert not any(one.in_force for one in found)
    assert "not better than the base rate" in found[0].why
    assert not list(tmp_path.iterdir())


def test_what_forecasts_say_already_is_not_sold_again(past, tmp_path):
    moments, faults, columns = past
    six_hours = timedelta(hours=6)
    knows = {six_hours: np.nan_to_num(came(moments, faults, six_hours, END))}
    found = train_foresight(moments, columns, faults, knows, END, tmp_path)
    assert not any(one.in_force for one in found)
    assert "not better than forecasts of what is used up" in found[0].why


def test_moments_of_which_too_little_is_known_teach_and_judge_nothing(past, silent, tmp_path):
    moments, faults, columns = past
    away = np.random.default_rng(5).random(len(moments)) < 0.3
    torn = {name: np.where(away, np.nan, column) for name, column in columns.items() if name[:3] == "off"}
    torn |= {name: np.where(away, 0.0, column) for name, column in columns.items() if name[:5] == "there"}
    (found,) = train_foresight(moments, torn, faults, silent, END, tmp_path)
    rest = moments.part(np.flatnonzero(~away))
    known = {name: column[~away] for name, column in columns.items()}
    (alone,) = train_foresight(
        rest, known, faults, {key: one[~away] for key, one in silent.items()}, END, tmp_path
    )
    assert found.in_force, found.why
    assert (found.foresight, found.figures) == (alone.foresight, alone.figures)


def test_a_feature_that_is_missing_now_and_then_says_so_and_is_not_taken_for_calm(past, silent, tmp_path):
    moments, faults, columns = past
    away = np.random.default_rng(5).random(len(moments)) < 0.3
    torn = {**columns, "off:rising": np.where(away, np.nan, columns["off:rising"])}
    (found,) = train_foresight(moments, torn, faults, silent, END, tmp_path)
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
    assert all(one.foresight is None and "too few faults" in one.why for one in found)


def test_a_training_comes_back_from_the_shelf_and_one_that_was_changed_is_refused(trained, tmp_path):
    shelf = ForesightShelf(tmp_path)
    kept = shelf.put(trained, NOW, NOW, NOW)
    assert shelf.current().horizons[0].foresight.weights == trained[0].foresight.weights
    manifest = tmp_path / kept.name / "manifest.json"
    content = orjson.loads(manifest.read_bytes())
    content["horizons"][0]["foresight"]["bias"] = 9.0
    manifest.write_bytes(orjson.dumps(content))
    with pytest.raises(ModelError, match="it was changed"):
        shelf.current()


def test_weights_that_are_none_are_refused(trained, tmp_path):
    shelf = ForesightShelf(tmp_path)
    one = trained[0]
    broken = replace(one, foresight=replace(one.foresight, weights=[1.0]))
    shelf.put([broken], NOW, NOW, NOW)
    with pytest.raises(ModelError, match="weights are none"):
        shelf.current()
