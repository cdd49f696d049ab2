"""Members' scores of healthy rows and of trial faults in, one calibrated score out.

Each member's score becomes a surprise (``tail``), so that members speak the same language. A member is
trusted by three things: it stays itself (what is rare in one half of the history is as rare in the other), it
agrees with the others about what is strange, and it sees the faults it was tried on. The root mean square of
the surprises, weighted by trust, lets one member that is sure count more than three that see nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from agent.detect.causal import moving_mean
from agent.detect.models.tail import Tail
from agent.records import FloatArray

LASTING = (2, 5)  # rows: what lasts outweighs a moment
_RARE = 2.0  # surprise: one row in a hundred
_LEAST_TRUST = 0.02
_BLOCK_ROWS = 30  # an alarm is one however many rows of a block are above
_MOST_THRESHOLD = 5.0  # surprise: a history that was not all healthy must not make faults unreachable
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fusion:
    """How members' scores become one: a tail and a weight for each, and the threshold of the whole."""

    tails: Mapping[str, Tail]
    weights: Mapping[str, float]
    threshold: float

    def fuse(self, scores: Mapping[str, FloatArray]) -> FloatArray:
        """Return one score per row, from the newest rows of every member; older rows steady the newer."""
        return gathered(self._surprise(scores))

    def _surprise(self, scores: Mapping[str, FloatArray]) -> FloatArray:
        known = [name for name in self.weights if name in scores]
        total = sum(self.weights[name] for name in known) or 1.0
        squares = [
            self.weights[name] / total * self.tails[name].surprise(scores[name]) ** 2 for name in known
        ]
        result: FloatArray = np.sqrt(np.sum(squares, axis=0))
        return result

    def state(self) -> dict[str, Any]:
        """Return the numbers."""
        return {
            "tails": {name: tail.state() for name, tail in self.tails.items()},
            "weights": dict(self.weights),
            "threshold": self.threshold,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the fusion that ``state`` gave."""
        tails = {name: Tail.from_state(tail) for name, tail in state["tails"].items()}
        return cls(tails=tails, weights=state["weights"], threshold=float(state["threshold"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A member's scores of rows it had not learned from: ``healthy`` by time, ``faulty`` of trial faults."""

    healthy: FloatArray
    faulty: FloatArray


def learn_fusion(evidence: Mapping[str, Evidence], step_s: float, false_alarms_per_day: float) -> Fusion:
    """Learn tails, trust and threshold; ``step_s`` is the time between two healthy rows."""
    tails = {name: Tail.fit(one.healthy) for name, one in evidence.items()}
    healthy = {name: tails[name].surprise(one.healthy) for name, one in evidence.items()}
    faulty = {name: tails[name].surprise(one.faulty) for name, one in evidence.items()}
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
    weights = {name: value / total for name, value in trust.items()}
    fusion = Fusion(tails=tails, weights=weights, threshold=np.inf)
    score = fusion.fuse({name: one.healthy for name, one in evidence.items()})
    return Fusion(tails=tails, weights=weights, threshold=threshold_at(score, step_s, false_alarms_per_day))


def gathered(surprise: FloatArray) -> FloatArray:
    """Return the mean of each row's surprise and of those of the last few rows."""
    columns = surprise[:, None]
    parts = [columns, *(moving_mean(columns, rows) for rows in LASTING)]
    result: FloatArray = np.mean(parts, axis=0)[:, 0]
    return result


def threshold_at(score: FloatArray, step_s: float, false_alarms_per_day: float) -> float:
    """Return the level that healthy scores rise above as often as asked: a return level of block maxima.

    It is bounded: where faults were learned from with the rest, alarms come oftener than asked rather than
    never.
    """
    rows = max(min(_BLOCK_ROWS, len(score) // 8), 1)
    whole = len(score) // rows * rows
    if not whole:
        return float("inf")
    highest = score[len(score) - whole :].reshape(-1, rows).max(1)
    share = false_alarms_per_day * rows * step_s / _DAY_S
    return min(Tail.fit(highest).level(min(share, 0.5)), _MOST_THRESHOLD)


def _stability(healthy: FloatArray) -> float:
    """Return 0..1: whether what is rare in one half of the history is as rare in the other."""
    half = len(healthy) // 2
    parts = healthy[:half], healthy[half:]
    if half < 20:
        return 0.5
    drifts = []
    for own, other in (parts, parts[::-1]):
        share = float((Tail.fit(own).surprise(other) > _RARE).mean())
        drifts.append(abs(np.log10((share + 2e-3) / (10**-_RARE + 2e-3))))
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
