"""A trained model: a fingerprint in, how likely each fault is out, and by what it goes.

What the algorithm says is made modest, or bolder, by one number, the temperature (Guo et al., "On Calibration
of Modern Neural Networks", ICML 2017), found on examples that were newer than those it had learned from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agent.learn.faults.algorithms import ALGORITHMS
from agent.learn.faults.examples import HEALTHY, Table, rows_of
from agent.records.cases import Fingerprint
from agent.records.metrics import FloatArray, IntArray

_SURELY = 1e-4  # nothing is called less likely, or surer, than this: a forest knows zeros
_TOLD = 3  # faults that are named, and features named as reasons
_LEAST = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultVote:
    """What the model says of one fault: how likely it is, and what each feature adds to its log odds."""

    fault: str
    probability: float
    reasons: Sequence[tuple[str, float]]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class FaultModel:
    """A fitted classifier of scikit-learn, what its columns and classes mean, and its temperature."""

    algorithm: str
    features: Sequence[str]
    faults: Sequence[str]
    estimator: Any
    temperature: float

    def probabilities(self, rows: FloatArray) -> FloatArray:
        """Return examples x faults, each row of sum 1."""
        return tempered(spread(self.estimator, rows, len(self.faults)), self.temperature)

    def vote(self, seen: Fingerprint) -> list[FaultVote]:
        """Return the likeliest faults; none when nothing that is seen was ever learned.

        Features that nobody ever learned from make every answer less sure.
        """
        row = rows_of([seen], self.features)
        if not row.any():
            return []
        known = float(row.sum()) / sum(seen.values())
        present = np.flatnonzero(row[0])
        without = np.repeat(row, len(present), axis=0)
        without[np.arange(len(present)), present] = 0.0
        plain = spread(self.estimator, np.vstack([row, without]), len(self.faults))
        odds = np.log(plain / (1 - plain))
        asked = tempered(plain[:1], self.temperature)[0]
        order = np.argsort(-asked)[:_TOLD]
        return [
            FaultVote(
                fault=self.faults[index],
                probability=float(asked[index]) * known,
                reasons=self._reasons(present, odds[0, index] - odds[1:, index]),
            )
            for index in order.tolist()
            if self.faults[index] != HEALTHY and asked[index] >= _LEAST
        ]

    def _reasons(self, present: IntArray, effects: FloatArray) -> list[tuple[str, float]]:
        best = [at for at in np.argsort(-effects)[:_TOLD].tolist() if effects[at] >= 0.05]
        return [(self.features[int(present[at])], float(effects[at])) for at in best]

    def state(self) -> dict[str, Any]:
        """Return what is kept in a file."""
        return {
            "algorithm": self.algorithm,
            "features": list(self.features),
            "faults": list(self.faults),
            "estimator": self.estimator,
            "temperature": float(self.temperature),
        }


def from_state(state: Mapping[str, Any]) -> FaultModel:
    """Return the model that a file holds. Raises ValueError and more when it is none that can answer."""
    model = FaultModel(
        algorithm=str(state["algorithm"]),
        features=tuple(map(str, state["features"])),
        faults=tuple(map(str, state["faults"])),
        estimator=state["estimator"],
        temperature=float(state["temperature"]),
    )
    if model.algorithm not in ALGORITHMS or not model.features or len(set(model.faults)) < 2:
        raise ValueError("names no algorithm, no features or no faults")
    if not np.isfinite(model.temperature) or model.temperature <= 0:
        raise ValueError("has no temperature")
    tried = model.probabilities(np.eye(2, len(model.features)))
    if tried.shape != (2, len(model.faults)) or not np.isfinite(tried).all():
        raise ValueError("gives no probabilities")
    return model


def spread(estimator: Any, rows: FloatArray, faults: int) -> FloatArray:
    """Return examples x faults: what a classifier says, that may have learned only some of the faults."""
    found = np.full((len(rows), faults), _SURELY)
    found[:, np.asarray(estimator.classes_, np.intp)] = estimator.predict_proba(rows)
    found = np.maximum(found, _SURELY)
    normal: FloatArray = np.minimum(found / found.sum(axis=1, keepdims=True), 1 - _SURELY)
    return normal


def tempered(probabilities: FloatArray, temperature: float) -> FloatArray:
    """Return probabilities at a temperature: above 1 they are nearer to each other."""
    scores = np.log(probabilities) / temperature
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    normal: FloatArray = odds / odds.sum(axis=1, keepdims=True)
    return normal


def find_temperature(probabilities: FloatArray, table: Table) -> float:
    """Return the temperature at which what was said of examples fits best with what they were.

    At least a half: a few examples that were all foretold right make nobody that sure.
    """
    from scipy.optimize import minimize_scalar

    known = table.codes >= 0
    if not known.any():
        return 1.0
    said, codes, weights = probabilities[known], table.codes[known], table.weights[known]

    def loss(log_temperature: float) -> float:
        own = tempered(said, float(np.exp(log_temperature)))[np.arange(len(codes)), codes]
        return float(-(weights * np.log(np.maximum(own, _SURELY))).sum())

    return float(np.exp(minimize_scalar(loss, bounds=(-0.7, 2.0), method="bounded").x))
