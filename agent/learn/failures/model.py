"""A trained foresight: how a host was lately in, how likely a fault begins on it within the horizon out.

A logistic regression, whose answer is looked up in steps that never fall: what came of answers like it that
newer moments were given (Zadrozny and Elkan, "Transforming classifier scores into accurate multiclass
probability estimates", 2002). What is kept are plain numbers, and to ask it takes no library that trains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from agent.records.metrics import FloatArray

_TOLD = 3  # reasons
_LEAST_REASON = 0.2  # of the log odds


@dataclass(frozen=True, slots=True, kw_only=True)
class Foresight:
    """Weights, in log odds, of features in 0..1; ``base`` is the share of moments that a fault followed.

    What nobody knows (NaN) counts as ``usual``, the mean of what was learned from, and adds its weight of
    ``missing``, 0 where it never was. At the log odds ``odds`` (rising) the probability is that of ``came``,
    in between on a line.
    """

    horizon_s: float
    features: Sequence[str]
    weights: Sequence[float]
    usual: Sequence[float]
    missing: Sequence[float]
    bias: float
    odds: Sequence[float]
    came: Sequence[float]
    base: float

    @property
    def horizon(self) -> timedelta:
        """Return within which time a fault begins."""
        return timedelta(seconds=self.horizon_s)

    def probabilities(self, rows: FloatArray) -> FloatArray:
        """Return one probability for each row (moments x features; NaN where nobody knows)."""
        said: FloatArray = np.interp(self._effects(rows).sum(1) + self.bias, self.odds, self.came)
        return said

    def reasons(self, row: FloatArray) -> list[str]:
        """Return the features that raise the answer most, the strongest first."""
        effects = self._effects(row[None, :])[0]
        order = [place for place in np.argsort(-effects).tolist() if effects[place] >= _LEAST_REASON]
        return [
            f"missing {self.features[place]}" if np.isnan(row[place]) else self.features[place]
            for place in order[:_TOLD]
        ]

    def _effects(self, rows: FloatArray) -> FloatArray:
        gap = np.isnan(rows)
        full = np.where(gap, np.array(self.usual, np.float64), rows)
        effects: FloatArray = full * np.array(self.weights, np.float64) + gap * np.array(
            self.missing, np.float64
        )
        return effects


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Answers of about the same probability: its mean, the share that came, and how many there were."""

    probability: float
    came: float
    moments: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How good a foresight is on held-back moments, in which so many ``faults`` came.

    Brier scores (lower is better): its own, that of saying the base rate always, that of what forecasts of
    what is used up say, with the base rate where there is none, and that of the training in force, if any.
    """

    moments: int
    faults: int
    brier: float
    brier_base: float
    brier_forecasts: float
    brier_in_force: float | None
    calibration: Sequence[Bin]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a training came to for one horizon: a foresight and its figures, or ``why`` there is none.

    Only what is ``worth_asking`` is told, once its training is in force.
    """

    horizon_s: float
    why: str
    worth_asking: bool = False
    foresight: Foresight | None = None
    figures: Figures | None = None
