"""Rows in, a narrow network that gives rows back; rows in, what it cannot give back out (Hinton 2006).

scikit-learn trains the dense autoencoder. What is kept are its weights.
"""

from __future__ import annotations

import warnings
from typing import Self

import numpy as np

from agent.detect.models.member import SEED, Plain, sampled
from agent.records import FloatArray

_MOST_ROWS = 2000
_EPOCHS = 8  # more see trial faults hardly better
_BATCH = 128
_STEP = 1e-2
_FLOOR = 0.05  # scales: a residual is never measured by less


class Autoencoder(Plain):
    """scikit-learn's MLPRegressor, taught its own input through a bottleneck."""

    def __init__(self, seed: int = SEED) -> None:
        self._seed = seed
        self._weights: list[FloatArray] = []
        self._biases: list[FloatArray] = []
        self._usual: FloatArray = np.empty(0)

    def fit(self, rows: FloatArray) -> Self:
        """Learn. Imports scikit-learn."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPRegressor

        chosen = sampled(rows, _MOST_ROWS).astype(np.float32)
        # mixed once, here: what scikit-learn does for it at every round takes a third of the training
        chosen = np.random.default_rng(self._seed).permutation(chosen)
        width = rows.shape[1]
        outer, inner = max(min(width, 32), 4), max(min(width // 4, 12), 2)
        network = MLPRegressor(
            hidden_layer_sizes=(outer, inner, outer),
            activation="tanh",
            batch_size=min(_BATCH, len(chosen)),
            learning_rate_init=_STEP,
            max_iter=_EPOCHS,
            n_iter_no_change=_EPOCHS,
            shuffle=False,
            random_state=self._seed,
        )
        with warnings.catch_warnings():  # a fixed number of rounds is what is wanted
            warnings.simplefilter("ignore", ConvergenceWarning)
            network.fit(chosen, chosen if width > 1 else chosen[:, 0])
        self._weights = [np.asarray(one, np.float64) for one in network.coefs_]
        self._biases = [np.asarray(one, np.float64) for one in network.intercepts_]
        told = chosen.astype(np.float64)
        self._usual = np.maximum(np.sqrt(((told - self.expected(told)) ** 2).mean(0)), _FLOOR)
        return self

    def expected(self, rows: FloatArray) -> FloatArray:
        """Return the rows as the network gives them back."""
        for weights, biases in zip(self._weights[:-1], self._biases[:-1], strict=True):
            rows = np.tanh(rows @ weights + biases)
        return rows @ self._weights[-1] + self._biases[-1]

    def decision_function(self, rows: FloatArray) -> FloatArray:
        """Return the root mean square of what was not given back, each feature in its usual residuals."""
        result: FloatArray = np.sqrt((((rows - self.expected(rows)) / self._usual) ** 2).mean(1))
        return result
