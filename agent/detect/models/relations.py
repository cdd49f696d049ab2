"""Rows in, how each feature follows from the others; rows in, how badly they go together out.

The distance of Mahalanobis (1936) with a shrunken covariance (Ledoit & Wolf 2004, here towards the diagonal):
it sees a combination that never was although each part is usual. The same numbers say which feature does not
go with the others, and what was to be expected of it.
"""

from __future__ import annotations

from typing import Self

import numpy as np

from agent.detect.models.member import Plain, sampled
from agent.records import FloatArray

_MOST_ROWS = 5000
_SHRINK = 0.05  # share of the diagonal
_FLOOR = 1e-2  # variance of a feature that hardly moves
_RIDGE = 1e-3  # a feature that never moves must not make the covariance singular


class Relations(Plain):
    """Every feature foreseen from all others, linearly."""

    def __init__(self) -> None:
        self._mean: FloatArray = np.empty(0)
        self._precision: FloatArray = np.empty((0, 0))

    def fit(self, rows: FloatArray) -> Self:
        """Learn the mean and the inverse of the covariance."""
        chosen = sampled(rows, _MOST_ROWS)
        self._mean = chosen.mean(0)
        away = chosen - self._mean
        covariance = away.T @ away / len(chosen)
        own = np.maximum(np.diag(covariance), _FLOOR)
        shrunken = (1 - _SHRINK) * covariance + np.diag(_SHRINK * own + _RIDGE)
        self._precision = np.asarray(np.linalg.inv(shrunken), np.float64)
        return self

    def decision_function(self, rows: FloatArray) -> FloatArray:
        """Return the distances, per feature, so that wide and narrow entities compare."""
        away = rows - self._mean
        squares = ((away @ self._precision) * away).sum(1)
        result: FloatArray = np.sqrt(np.maximum(squares, 0.0) / max(len(self._mean), 1))
        return result

    def residuals(self, rows: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return how far each feature is from what the others let expect, and that residual's usual size."""
        diagonal = np.diag(self._precision)
        return ((rows - self._mean) @ self._precision) / diagonal, 1.0 / np.sqrt(diagonal)
