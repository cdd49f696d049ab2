"""The voter that was trained: cases in, a linear model out; a fingerprint in, a hypothesis with reasons out.

The model is a multinomial logistic regression (scikit-learn), kept as plain numbers: the resting agent
needs NumPy alone to ask it, and what a feature contributes is exactly its weight times its clarity.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agent.errors import ConfigError, Problem
from agent.records.cases import Fingerprint, Hypothesis, PastCase
from agent.records.metrics import FloatArray

_COPIES = 12  # noisy variants of each case, so that no single feature decides
_FORGOTTEN = 0.25  # of a case's features are missing in a variant: exporters differ
_GENERIC = ("latency", "errors", "victim", "saturation", "surge", "drought", "other")
_TOLD = 3  # features named as reasons
FORMAT = 1


@dataclass(frozen=True, slots=True, eq=False)
class FaultClassifier:
    """A linear model: ``weights`` is fault x feature, ``offsets`` one per fault."""

    features: Sequence[str]
    faults: Sequence[str]
    weights: FloatArray
    offsets: FloatArray

    def vote(self, seen: Fingerprint) -> list[Hypothesis]:
        """Return a hypothesis on the likeliest faults; none when nothing seen was ever learned."""
        values = np.array([seen.get(feature, 0.0) for feature in self.features])
        if not values.any():
            return []
        scores = self.weights @ values + self.offsets
        odds = np.exp(scores - scores.max())
        chances = odds / odds.sum()
        # features nobody ever learned from make every answer less sure
        known = sum(seen.get(feature, 0.0) for feature in self.features) / sum(seen.values())
        order = np.argsort(-chances)[:_TOLD]
        return [
            Hypothesis(
                voter="classifier",
                fault=self.faults[index],
                confidence=float(chances[index]) * known,
                evidence=(self._explain(int(index), values),),
            )
            for index in order
            if chances[index] >= 0.1
        ]

    def _explain(self, index: int, values: FloatArray) -> str:
        own = (self.weights[index] - self.weights.mean(axis=0)) * values
        best = [i for i in np.argsort(-own)[:_TOLD] if own[i] > 0]
        told = ", ".join(f"{self.features[i]} ({own[i]:+.1f})" for i in best)
        return f"the classifier goes by {told}" if told else "the classifier goes by what is not seen"

    def to_json(self) -> str:
        """Return the model as JSON: numbers only, nothing that runs when it is read."""
        content = {
            "format": FORMAT,
            "features": list(self.features),
            "faults": list(self.faults),
            "weights": self.weights.tolist(),
            "offsets": self.offsets.tolist(),
        }
        return json.dumps(content)


def load_classifier(path: Path) -> FaultClassifier:
    """Read a model. Raises ConfigError when the file is not one."""
    try:
        content: Any = json.loads(path.read_text())
        if not isinstance(content, Mapping) or content.get("format") != FORMAT:
            raise ValueError(f"is no classifier of format {FORMAT}")
        model = FaultClassifier(
            tuple(map(str, content["features"])),
            tuple(map(str, content["faults"])),
            np.array(content["weights"], dtype=np.float64),
            np.array(content["offsets"], dtype=np.float64),
        )
        if model.weights.shape != (len(model.faults), len(model.features)):
            raise ValueError("has weights of another shape than its features and faults")
        if model.offsets.shape != (len(model.faults),) or not np.isfinite(model.weights).all():
            raise ValueError("has offsets of another shape, or weights that are no numbers")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError([Problem(path, f"cannot be used: {error}")]) from error
    return model


def train_classifier(cases: Sequence[PastCase]) -> FaultClassifier | None:
    """Train on cases; return None when they know fewer than two faults. Imports scikit-learn."""
    faults = sorted({case.fault for case in cases})
    if len(faults) < 2:
        return None
    from sklearn.linear_model import LogisticRegression

    features = sorted({name for case in cases for name in case.fingerprint} | set(_GENERIC))
    rows, labels, weights = _variants(cases, features, np.random.default_rng(0))
    # C below 1 keeps the answers modest: a few dozen cases do not make anybody sure
    model = LogisticRegression(C=0.5, max_iter=200)
    model.fit(rows, labels, sample_weight=weights)
    coefficients, offsets = model.coef_, model.intercept_
    if len(faults) == 2:  # scikit-learn keeps one row for two classes
        coefficients, offsets = np.vstack([-coefficients, coefficients]) / 2, np.r_[-offsets, offsets] / 2
    return FaultClassifier(tuple(features), tuple(map(str, model.classes_)), coefficients, offsets)


def _variants(
    cases: Sequence[PastCase], features: Sequence[str], rng: np.random.Generator
) -> tuple[FloatArray, list[str], FloatArray]:
    number = {name: index for index, name in enumerate(features)}
    rows = np.zeros((len(cases) * _COPIES, len(features)))
    for at, case in enumerate(cases):
        own = np.zeros(len(features))
        for name, clarity in case.fingerprint.items():
            own[number[name]] = clarity
        block = np.tile(own, (_COPIES, 1)) * rng.uniform(0.5, 1.0, (_COPIES, len(features)))
        block[1:] *= rng.random((_COPIES - 1, len(features))) > _FORGOTTEN
        for name in _GENERIC:
            column = block[:, number[name]]
            block[:, number[name]] = np.where(rng.random(_COPIES) < 0.15, rng.uniform(0, 1, _COPIES), column)
        rows[at * _COPIES : (at + 1) * _COPIES] = block
    labels = [case.fault for case in cases for _ in range(_COPIES)]
    # every fault counts alike, however many cases of it somebody kept
    counts = {case.fault: 0.0 for case in cases}
    for case in cases:
        counts[case.fault] += case.weight
    weights = np.array([case.weight / counts[case.fault] for case in cases for _ in range(_COPIES)])
    return rows, labels, weights * len(labels) / weights.sum()
