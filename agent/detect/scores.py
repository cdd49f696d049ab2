"""Errors of forecasts in, one score per series out that means the same for all of them.

Each kind of error is measured by its own upper decile, which is followed step by step in logarithms (a
stochastic approximation, Robbins & Monro 1951): robust, and it can neither be stuck at nothing nor run away.
The mean of the logarithms counts what both kinds of error say, and exponential means of it over 1, 2, 4 and 8
samples let what lasts outweigh a moment (EWMA charts, Roberts 1959).
"""

from __future__ import annotations

import numpy as np

from agent.detect.predictor import Errors, floor_of
from agent.detect.rows import Rows
from agent.records import BoolArray, FloatArray, IntArray

_QUANTILE = 0.9
_STEP = 0.002  # of the logarithm, once many samples are known
_YOUNG = 40.0  # samples
_SPANS = np.array([1.0, 2.0, 4.0, 8.0])  # samples
_MOST = 1e4  # usual errors: more is not stranger


class Scores:
    """How strange each row is, gathered over some samples."""

    def __init__(self) -> None:
        self.rows = Rows(count=np.float64, usual=(np.float64, 2), means=(np.float64, len(_SPANS)))

    def look(self, errors: Errors, side: FloatArray, tolerance: FloatArray, calm: BoolArray) -> FloatArray:
        """Return scores: about 0.5 is usual. ``side`` is 1 where only high is bad, -1 low, 0 both.

        Errors up to ``tolerance`` are all alike.
        """
        self.rows.fit_to(len(side))
        count, usual, means = (self.rows[name] for name in ("count", "usual", "means"))
        both = np.stack([errors.now, errors.usual])
        size = np.log(np.maximum(np.abs(both), tolerance) + 0.1 * floor_of(errors.level) + 1e-12)
        first = errors.known & (count == 0)
        usual[:, first] = size[:, first]
        ratio = np.exp(np.minimum(size - usual, np.log(_MOST)))
        wrong_side = (side != 0) & (both * side < 0)
        strange = np.log1p(np.where(wrong_side, 0.0, ratio)).mean(0)
        self._learn(size, errors.known & calm)
        means += np.where(errors.known, (strange - means) / _SPANS[:, None], 0.0)
        return np.where(errors.known, means.mean(0), 0.0)

    def _learn(self, size: FloatArray, where: BoolArray) -> None:
        count, usual = self.rows["count"], self.rows["usual"]
        count += where
        step = np.where(where, np.maximum(2.0 / np.maximum(count, 1.0), _STEP), 0.0)
        usual += step * np.where(size > usual, _QUANTILE, _QUANTILE - 1.0)

    def restart(self) -> None:
        """Learn fast again: samples come oftener than they did."""
        np.minimum(self.rows["count"], _YOUNG, out=self.rows["count"], where=self.rows["count"] > 0)

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of the rows."""
        self.rows.keep(rows)

    def forget(self, rows: IntArray) -> None:
        """Begin anew with these rows."""
        self.rows.forget(rows)
