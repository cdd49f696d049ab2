"""Makes examples of faults that are easy to tell apart, and a model of them."""

from datetime import UTC, datetime, timedelta

import numpy as np

from agent.learn.faults.algorithms import Configuration, fit
from agent.learn.faults.examples import Example, features_of, tabulate
from agent.learn.faults.model import FaultModel

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
LINEAR = Configuration(algorithm="linear", parameters={"C": 1.0})


def make_examples(count=80, faults=("disk_full", "oom", "healthy"), seed=0, begin=BEGIN, clear=0.9):
    """Each fault shows in three signals of its own, and now and then in one of another."""
    chance = np.random.default_rng(seed)
    made = []
    for number in range(count):
        fault = faults[number % len(faults)]
        own = {f"signal:{fault}{one}": 1.0 for one in range(3) if chance.random() < clear}
        stray = {f"signal:{chance.choice(faults)}{chance.integers(3)}": 1.0}
        at = begin + timedelta(hours=number)
        made.append(Example(id=str(number), at=at, fault=fault, origin="person", features={**own, **stray}))
    return made


def make_model(examples=None):
    examples = examples or make_examples()
    features, faults = features_of(examples), tuple(sorted({one.fault for one in examples}))
    table = tabulate(examples, features, faults)
    return FaultModel(
        algorithm="linear",
        features=features,
        faults=faults,
        estimator=fit(LINEAR, table.rows, table.codes, table.weights),
        temperature=1.0,
    )
