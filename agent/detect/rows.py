"""Numbers of rows of a frame, kept in arrays that grow with it and follow when it drops some."""

from __future__ import annotations

import numpy as np

from agent.records import IntArray

_GROWTH = 1.5


class Rows:
    """Arrays that grow with the rows of a frame and follow their renumbering, zero where nothing was put."""

    def __init__(self, **fields: type) -> None:
        self._arrays: dict[str, np.ndarray] = {name: np.zeros(0, kind) for name, kind in fields.items()}
        self._size = 0

    def __getitem__(self, name: str) -> np.ndarray:
        return self._arrays[name][: self._size]

    def fit_to(self, count: int) -> None:
        """Make room for so many rows."""
        for name, array in self._arrays.items():
            if count > len(array):
                room = int(count * _GROWTH) if self._size else count
                self._arrays[name] = np.concatenate([array, np.zeros(room - len(array), array.dtype)])
        self._size = count

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of the rows."""
        kept = rows[rows < self._size]
        self._arrays = {name: array[kept] for name, array in self._arrays.items()}
        self._size = len(kept)
