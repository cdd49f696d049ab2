"""Training: quiet on healthy days, not blinded by bad ones, and the same every time."""

import numpy as np
import pytest

from agent.detect.models.entitymodel import ROWS, EntityModel
from agent.detect.models.training import EntityHistory, train_entities

STEP = 60.0
START = 1_767_571_200.0
MEMBERS = ("isolation_forest", "one_class_svm", "autoencoder", "nearest", "relations", "pca")
STRANGE = 3.0  # times what one healthy row in a hundred reaches
KEYS = [("requests", {"host": "web1"}), ("cpu", {"host": "web1"}), ("errors", {"host": "web1"}), ("net", {})]


def samples(days, first_day=0.0, seed=0):
    """Return rows x four series that follow one load, with a daily swing."""
    chance = np.random.default_rng(seed)
    times = START + first_day * 86_400 + STEP * np.arange(int(days * 1440))
    load = (
        50
        + 30 * np.sin(2 * np.pi * times / 86_400)
        + np.convolve(chance.normal(0, 10, len(times)), np.ones(15) / 15, "same")
    )
    return load[:, None] * np.array([10, 1, 0.1, 1000]) * (1 + chance.normal(0, 0.04, (len(times), 4)))


def history(values):
    return EntityHistory(
        entity="web1",
        keys=KEYS,
        values=values,
        step_s=STEP,
    )


def train(values, members=MEMBERS) -> EntityModel:
    (model,) = train_entities([history(values)], members)
    return model


def judged(model, values, every=1):
    rows = range(ROWS, len(values), every)
    return np.array([model.judge(values[row - ROWS : row]).score for row in rows])


@pytest.fixture(scope="module")
def model():
    return train(samples(5))


def test_healthy_days_that_follow_are_quiet(model):
    values = samples(1, first_day=5, seed=1)
    assert (judged(model, values, every=3) > STRANGE).mean() < 0.005


def test_a_combination_that_never_was_is_found_and_named(model):
    values = samples(0.1, first_day=5.2, seed=2)
    values[-5:, 0] *= 0.55  # within what it is at night
    finding = model.judge(values[-ROWS:])
    assert finding.score > STRANGE
    named = finding.suspects[0]
    assert KEYS[named.row][0] == "requests"
    assert named.observed < named.low < named.high


def test_an_entity_of_which_most_is_missing_is_not_judged(model):
    values = samples(0.1, seed=3)
    values[-1, 1:] = np.nan
    assert model.judge(values[-ROWS:]) is None
    assert model.judge(values[:0]) is None


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e308, -1e308])
def test_absurd_samples_give_a_finite_score(model, bad):
    values = samples(0.1, seed=4)
    values[-8:, 1] = bad
    assert np.isfinite(model.judge(values[-ROWS:]).score)


def test_one_row_is_enough_to_judge(model):
    values = samples(0.1, seed=5)
    assert np.isfinite(model.judge(values[-1:]).score)


def test_an_incident_in_the_history_does_not_blind_the_model():
    values = samples(5)
    values[5000:5060, 0] *= 0.3  # an hour of the second half
    model = train(values, ("nearest", "relations"))
    values = samples(0.1, first_day=5.2, seed=2)
    values[-5:, 0] *= 0.3
    finding = model.judge(values[-ROWS:])
    assert finding.score > STRANGE


def test_two_days_of_gap_are_not_learned_from():
    values = samples(5)
    values[2000:4880] = np.nan
    model = train(values, ("nearest", "relations"))
    values = samples(0.5, first_day=5, seed=6)
    assert (judged(model, values, every=5) > STRANGE).mean() < 0.05


def test_series_that_never_move_are_no_trouble():
    values = samples(1)
    values[:, 1:] = 7.0
    model = train(values)
    assert np.isfinite(model.judge(values[-ROWS:]).score)


def test_training_twice_gives_the_same_model(model):
    again = train(samples(5))
    values = samples(0.1, first_day=5, seed=7)
    assert again.judge(values[-ROWS:]) == model.judge(values[-ROWS:])
    assert again.fusion.weights == model.fusion.weights


def test_processes_of_a_pool_give_what_one_gives():
    values = samples(1)
    alone = list(train_entities([history(values)] * 2, ("nearest", "relations")))
    pooled = list(train_entities([history(values)] * 2, ("nearest", "relations"), jobs=2))
    assert [one.fusion.weights for one in alone] == [one.fusion.weights for one in pooled]
