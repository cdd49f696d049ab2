"""Members' scores of healthy rows and of trial faults in, one score out.

Each member's score is measured by its own healthy ones, of rows that it had not learned from: 0 is the
median, 1 what one row in a hundred reaches. A member is trusted by three things: it stays itself (what is
rare in one half of the history is as rare in the other), it agrees with the others about what is strange,
and it sees the faults that were put into the entity's own past (Goswami et al. 2023). The score is the mean,
weighted by trust.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from agent.records import FloatArray

_RARE = 0.99
_LEAST_TRUST = 0.02
_MOST = 20.0  # times a rare score: more is not stranger
_FLOOR = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fusion:
    """How members' scores become one: the median and the rare score of each, and its weight."""

    usual: Mapping[str, tuple[float, float]]
    weights: Mapping[str, float]

    def fuse(self, scores: Mapping[str, FloatArray]) -> FloatArray:
        """Return one score per row; 1 is rare."""
        known = [name for name in self.weights if name in scores]
        total = sum(self.weights[name] for name in known) or 1.0
        parts = [self.weights[name] / total * measured(scores[name], self.usual[name]) for name in known]
        result: FloatArray = np.sum(parts, axis=0)
        return result

    def state(self) -> dict[str, Any]:
        """Return the numbers."""
        return {
            "usual": {name: list(pair) for name, pair in self.usual.items()},
            "weights": dict(self.weights),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the fusion that ``state`` gave."""
        usual = {name: (float(pair[0]), float(pair[1])) for name, pair in state["usual"].items()}
        return cls(usual=usual, weights=state["weights"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A member's scores of rows it had not learned from: ``healthy`` by time, ``faulty`` of trial faults."""

    healthy: FloatArray
    faulty: FloatArray


def measured(score: FloatArray, usual: tuple[float, float]) -> FloatArray:
    """Return scores in a member's own measure: 0 up to the median, 1 where they are rare."""
    middle, rare = usual
    result: FloatArray = np.clip((score - middle) / max(rare - middle, _FLOOR), 0.0, _MOST)
    return result


def learn_fusion(evidence: Mapping[str, Evidence]) -> Fusion:
    """Learn measures and trust."""
    usual = {name: _usual(one.healthy) for name, one in evidence.items()}
    healthy = {name: measured(one.healthy, usual[name]) for name, one in evidence.items()}
    faulty = {name: measured(one.faulty, usual[name]) for name, one in evidence.items()}
    trust = {
        name: (
            _stability(evidence[name].healthy)
            * (_agreement(name, healthy, faulty) + _power(healthy[name], faulty[name]))
            / 2
        )
        ** 2
        + _LEAST_TRUST**2
        for name in evidence
    }
    total = sum(trust.values())
    return Fusion(usual=usual, weights={name: value / total for name, value in trust.items()})


def _usual(healthy: FloatArray) -> tuple[float, float]:
    if not len(healthy):
        return 0.0, 1.0
    middle, rare = np.quantile(healthy, [0.5, _RARE])
    return float(middle), float(max(rare, middle + _FLOOR + 0.01 * abs(middle)))


def _stability(healthy: FloatArray) -> float:
    """Return 0..1: whether what is rare in one half of the history is as rare in the other."""
    half = len(healthy) // 2
    parts = healthy[:half], healthy[half:]
    if half < 20:
        return 0.5
    drifts = []
    for own, other in (parts, parts[::-1]):
        share = float((other > np.quantile(own, _RARE)).mean())
        drifts.append(abs(np.log10((share + 2e-3) / (1 - _RARE + 2e-3))))
    return float(1 / (1 + np.mean(drifts)))


def _agreement(name: str, healthy: Mapping[str, FloatArray], faulty: Mapping[str, FloatArray]) -> float:
    """Return 0..1: the rank correlation with the mean of the others, over healthy rows and trial faults."""
    others = [other for other in healthy if other != name]
    if not others or not len(faulty[name]):
        return 0.5
    places = np.linspace(0, len(healthy[name]) - 1, min(len(healthy[name]), 2 * len(faulty[name]))).astype(
        np.intp
    )
    own = np.concatenate([healthy[name][places], faulty[name]])
    rest = np.mean([np.concatenate([healthy[other][places], faulty[other]]) for other in others], axis=0)
    return max(_correlation(_ranks(own), _ranks(rest)), 0.0)


def _power(healthy: FloatArray, faulty: FloatArray) -> float:
    """Return 0..1: how much oftener than by chance a trial fault is stranger than a healthy row."""
    if not len(faulty):
        return 0.5
    ordered = np.sort(healthy)
    below = np.searchsorted(ordered, faulty, "left") + np.searchsorted(ordered, faulty, "right")
    return max(float(below.mean()) / len(ordered) - 1, 0.0)


def _ranks(values: FloatArray) -> FloatArray:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    result: FloatArray = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return result


def _correlation(one: FloatArray, other: FloatArray) -> float:
    one, other = one - one.mean(), other - other.mean()
    size = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / size if size > 0 else 0.0
