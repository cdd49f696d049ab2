"""Means over a few rows in, what their principal components cannot give back out (Pearson 1901)."""

from __future__ import annotations

from typing import Self

import numpy as np

from agent.detect.arrays import moving_mean
from agent.detect.models.member import Plain, sampled
from agent.records import FloatArray, IntArray

ROWS = 10  # of a mean
_MOST_ROWS = 5000
_EXPLAINED = 0.9  # share of the variance that the components keep
_FLOOR = 0.05  # scales: a residual is never measured by less
_MOST = 20.0  # usual residuals


class PcaReconstruction(Plain):
    """The residual of means over ten rows, each series in its usual ones."""

    def __init__(self) -> None:
        self._mean: FloatArray = np.empty(0)
        self._components: FloatArray = np.empty((0, 0))
        self._usual: FloatArray = np.empty(0)

    def fit(self, rows: FloatArray) -> Self:
        """Learn the components."""
        chosen = sampled(moving_mean(rows, ROWS), _MOST_ROWS)
        self._mean = chosen.mean(0)
        away = chosen - self._mean
        variances, vectors = np.linalg.eigh(away.T @ away / len(away))
        explained = np.cumsum(variances[::-1]) / max(float(variances.sum()), 1e-12)
        count = int(np.searchsorted(explained, _EXPLAINED)) + 1
        self._components = vectors[:, ::-1][:, :count]
        self._usual = np.maximum(np.sqrt((self._residuals(chosen) ** 2).mean(0)), _FLOOR)
        return self

    def decision_function(self, rows: FloatArray) -> FloatArray:
        """Return a score for each of consecutive rows."""
        away = np.minimum(np.abs(self._residuals(moving_mean(rows, ROWS))) / self._usual, _MOST)
        result: FloatArray = np.sqrt((away**2).mean(1))
        return result

    def scores_at(self, rows: FloatArray, places: IntArray) -> FloatArray:
        """Return the scores of the means that end at some rows."""
        return self.decision_function(rows)[places]

    def _residuals(self, means: FloatArray) -> FloatArray:
        away = means - self._mean
        result: FloatArray = away - away @ self._components @ self._components.T
        return result
