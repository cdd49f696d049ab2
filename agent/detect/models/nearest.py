"""Rows in, kept as they are; rows in, the distance to the most alike of them out (Ramaswamy et al. 2000)."""

from __future__ import annotations

from typing import Self

import numpy as np
import numpy.typing as npt

from agent.detect.models.member import Plain, sampled
from agent.records import FloatArray

_MOST_ROWS = 700  # more are slower and see trial faults no better
_NEIGHBOURS = 5
_CHUNK = 256  # rows whose distances stay in the processor's cache


class Nearest(Plain):
    """The mean distance to the five nearest rows of the past."""

    def __init__(self) -> None:
        self._rows: npt.NDArray[np.float32] = np.zeros((0, 0), np.float32)

    def fit(self, rows: FloatArray) -> Self:
        """Keep a sample."""
        self._rows = sampled(rows, _MOST_ROWS).astype(np.float32)
        return self

    def decision_function(self, rows: FloatArray) -> FloatArray:
        """Return the distances."""
        count = min(_NEIGHBOURS, len(self._rows))
        own = (self._rows**2).sum(1)
        twice = -2 * self._rows.T
        result = np.empty(len(rows))
        for begin in range(0, len(rows), _CHUNK):
            part = rows[begin : begin + _CHUNK].astype(np.float32)
            apart = part @ twice
            apart += own  # but for the row's own square, which changes no order
            apart.partition(count - 1, axis=1)
            squares = apart[:, :count] + (part**2).sum(1)[:, None]
            result[begin : begin + _CHUNK] = np.sqrt(np.maximum(squares, 0)).mean(1)
        return result
