"""Rows in, a boundary around them; rows in, how far outside they lie out (Schölkopf et al. 2001).

scikit-learn trains the one-class support vector machine. What is kept are its support vectors.
"""

from __future__ import annotations

from typing import Self

import numpy as np
import numpy.typing as npt

from agent.detect.models.member import Plain, sampled
from agent.records import FloatArray

_MOST_ROWS = 1000  # training grows with the square, and more see trial faults no better
_NU = 0.05  # share of the rows that may lie outside
_NEAREST = 1e-12


class OneClass(Plain):
    """scikit-learn's OneClassSVM with a Gaussian kernel as wide as rows are usually apart."""

    def __init__(self) -> None:
        self._vectors: npt.NDArray[np.float32] = np.zeros((0, 0), np.float32)
        self._weights: FloatArray = np.empty(0)
        self._intercept = 0.0
        self._gamma = 1.0

    def fit(self, rows: FloatArray) -> Self:
        """Learn. Imports scikit-learn."""
        from sklearn.svm import OneClassSVM

        chosen = sampled(rows, _MOST_ROWS)
        self._gamma = _gamma(chosen)
        model = OneClassSVM(nu=_NU, gamma=self._gamma).fit(chosen)
        self._vectors = model.support_vectors_.astype(np.float32)
        self._weights = model.dual_coef_[0].astype(np.float64)
        self._intercept = float(model.intercept_[0])
        return self

    def decision_function(self, rows: FloatArray) -> FloatArray:
        """Return the negative decision value, as PyOD does: positive is outside."""
        kernel = np.exp(-self._gamma * _squares(rows.astype(np.float32), self._vectors))
        result: FloatArray = -(kernel.astype(np.float64) @ self._weights + self._intercept)
        return result


def _gamma(rows: FloatArray) -> float:
    """Return one over the median squared distance of rows (the median heuristic), 1 where all are alike."""
    some = sampled(rows, 200).astype(np.float32)
    apart = _squares(some, some)
    middle = float(np.median(apart[np.triu_indices(len(some), 1)])) if len(some) > 1 else 0.0
    return 1.0 / middle if middle > _NEAREST else 1.0


def _squares(rows: npt.NDArray[np.float32], others: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    squares = (rows**2).sum(1)[:, None] + (others**2).sum(1) - 2 * rows @ others.T
    result: npt.NDArray[np.float32] = np.maximum(squares, np.float32(0))
    return result
