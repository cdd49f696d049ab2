"""Healthy scores in; a score in, how improbable one like it is while all is well out.

Below its upper end the distribution is taken as it was seen, above it as a generalised Pareto distribution
(Pickands 1975), fitted by probability-weighted moments (Hosking & Wallis 1987), which few and rough samples
upset least. The answer is a surprise: 3 means that one healthy row in a thousand is as strange.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

from agent.records import FloatArray

MOST = 8.0  # no history is long enough to tell what is rarer
_UPPER = 0.05  # share of the scores that are the tail
_LEAST_TAIL = 10
_KNOTS = 40
_SHAPE = (0.0, 0.4)  # of the tail: bounded tails would make every new score impossible, heavier ones none
_NOTHING = 1e-200  # between knots that are nearer than that no straight line can be drawn
_FLOOR = 1e-3  # of the scores' size: constant scores have no tail


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tail:
    """How scores are distributed while all is well.

    ``knots`` are scores that rise from the least to where the tail begins, ``surprises`` theirs; ``rate`` is
    the share of scores in the tail, ``scale`` and ``shape`` its parameters.
    """

    knots: FloatArray
    surprises: FloatArray
    rate: float
    scale: float
    shape: float

    @classmethod
    def fit(cls, scores: FloatArray) -> Self:
        """Learn from scores of healthy rows that the model had not learned from."""
        ordered = np.sort(scores[np.isfinite(scores)])
        if not len(ordered):
            ordered = np.zeros(1)
        count = len(ordered)
        upper = min(max(int(_UPPER * count), _LEAST_TAIL), max(count // 2, 1))
        start = float(ordered[-upper - 1]) if upper < count else float(ordered[0])
        scale, shape = _pareto(
            ordered[-upper:] - start, _FLOOR * (abs(start) + float(np.std(ordered))) + 1e-9
        )
        rate = (upper + 0.5) / (count + 1)
        shares = np.linspace(0, 1, _KNOTS)
        below = ordered[: max(count - upper, 1)]
        knots = np.quantile(below, shares)
        knots[np.abs(knots) < _NOTHING] = 0.0
        surprises = -np.log10(1 - shares * (1 - rate))
        return cls(knots=knots, surprises=surprises, rate=rate, scale=scale, shape=shape)

    def surprise(self, scores: FloatArray) -> FloatArray:
        """Return for each score minus the decimal logarithm of the share of healthy scores beyond it."""
        inside = np.interp(scores, self.knots, self.surprises)
        beyond = np.maximum((scores - self.knots[-1]) / self.scale, 0.0)
        log10 = np.log10(np.e)
        steps = np.log1p(self.shape * beyond) / self.shape if self.shape > 0 else beyond
        result: FloatArray = np.minimum(
            np.where(beyond > 0, log10 * steps - np.log10(self.rate), inside), MOST
        )
        return result

    def level(self, share: float) -> float:
        """Return the score that so small a share of healthy scores lies beyond."""
        if share >= self.rate:
            return float(np.interp(-np.log10(share), self.surprises, self.knots))
        times = self.rate / max(share, 1e-12)
        steps = (times**self.shape - 1) / self.shape if self.shape > 0 else np.log(times)
        return float(self.knots[-1] + self.scale * steps)

    def state(self) -> dict[str, Any]:
        """Return the numbers."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the tail that ``state`` gave."""
        return cls(**state)


def _pareto(excesses: FloatArray, floor: float) -> tuple[float, float]:
    """Return scale and shape of ascending excesses."""
    count = len(excesses)
    mean = float(excesses.mean())
    if mean <= floor:
        return floor, 0.0
    above = 1 - (np.arange(1, count + 1) - 0.35) / count
    second = float((excesses * above).mean())
    spread = mean - 2 * second
    shape = float(np.clip(2 - mean / spread if spread > 1e-12 * mean else _SHAPE[1], *_SHAPE))
    return max(mean * (1 - shape), floor), shape
