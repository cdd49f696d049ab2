"""Puts trainings of each kind on a shelf."""

from datetime import UTC, datetime, timedelta

import numpy as np

from agent.detect.models.training import EntityHistory, train_entities
from agent.learn.failures.model import Foresight, Judged
from agent.learn.faults.evaluation import judge
from agent.learn.faults.examples import tabulate
from tests.faultmodels import make_examples, make_model

MADE = datetime(2026, 1, 5, 12, tzinfo=UTC)


def make_training(kind):
    """Return what puts a training on the shelf of its kind that was made so many days later."""
    return {"entity": _entities, "diagnosis": _diagnosis, "failures": _failures}[kind]()


def _times(day):
    return {
        "made_at": MADE + timedelta(days=day),
        "trained_from": MADE - timedelta(days=7),
        "trained_to": MADE,
    }


def _entities():
    chance = np.random.default_rng(1)
    keys = [(f"s{number}", {"host": "web1"}) for number in range(3)]
    history = EntityHistory(entity="web1", keys=keys, values=50 + chance.normal(0, 1, (400, 3)), step_s=60.0)
    models = list(train_entities([history], ("nearest", "relations")))
    return lambda shelf, day, in_force=True: shelf.put(models, **_times(day), in_force=in_force)


def _diagnosis():
    examples, model = make_examples(20), make_model()
    table = tabulate(examples, model.features, model.faults)
    about = {
        "algorithm": "linear",
        "parameters": {"C": 1.0},
        "temperature": 1.0,
        "features": len(model.features),
        "examples": 20,
        "origins": {"person": 20},
        "faults": list(model.faults),
        "data": "d",
        "figures": judge(model.probabilities(table.rows), table, [one.fault for one in examples]).figures,
        "why": "w",
    }
    return lambda shelf, day, in_force=True: shelf.put(model, {**about, **_times(day)}, in_force=in_force)


def foreseeing(most):
    """Return what came of a training that foresees faults by a queue, and says so much at most."""
    foresight = Foresight(
        horizon_s=21_600.0,
        features=["off:queue"],
        weights=[6.0],
        usual=[0.1],
        missing=[0.0],
        bias=-4.0,
        odds=[-4.0, 2.0],
        came=[0.01, most],
        base=0.02,
    )
    return Judged(horizon_s=21_600.0, why="good", worth_asking=True, foresight=foresight)


def _failures():
    return lambda shelf, day, in_force=True: shelf.put(
        [foreseeing(0.8)], {**_times(day), "why": "w"}, in_force=in_force
    )
