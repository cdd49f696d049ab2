"""Numbers of rows of a frame, kept in arrays that grow with it and follow when it drops some."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from agent.records import IntArray

_GROWTH = 1.5
Field = type | tuple[type, int]


class Rows:
    """Arrays whose last axis is the rows of a frame, zero where nothing was put.

    A field is a type, or a type and how many numbers a row has of it.
    """

    def __init__(self, **fields: Field) -> None:
        self._arrays: dict[str, np.ndarray] = {}
        for name, field in fields.items():
            kind, *several = field if isinstance(field, tuple) else (field,)
            self._arrays[name] = np.zeros((*several, 0), kind)
        self._size = 0
        self._views: dict[str, np.ndarray] = dict(self._arrays)

    def __getitem__(self, name: str) -> np.ndarray:
        return self._views[name]

    def __len__(self) -> int:
        return self._size

    def fit_to(self, count: int) -> None:
        """Make room for so many rows."""
        if count == self._size:
            return
        for name, array in self._arrays.items():
            if count > array.shape[-1]:
                room = int(count * _GROWTH) if self._size else count
                self._arrays[name] = _widened(array, room)
        self._resize(count)

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of the rows."""
        kept = rows[rows < self._size]
        self._arrays = {name: np.ascontiguousarray(one[..., kept]) for name, one in self._arrays.items()}
        self._resize(len(kept))

    def _resize(self, count: int) -> None:
        self._size = count
        self._views = {name: array[..., :count] for name, array in self._arrays.items()}

    def forget(self, rows: IntArray, *names: str) -> None:
        """Set some fields of some rows back to zero, all fields where none is named."""
        rows = rows[rows < self._size]
        for name in names or self._arrays:
            self._arrays[name][..., rows] = 0

    def state(self) -> dict[str, np.ndarray]:
        """Return the arrays as they can be kept."""
        return {name: self[name] for name in self._arrays}

    def restore(self, state: Mapping[str, np.ndarray], rows: IntArray, count: int) -> None:
        """Put kept numbers into ``rows`` of ``count``. Raises KeyError, ValueError where they do not fit."""
        self.fit_to(count)
        for name in self._arrays:
            self[name][..., rows] = state[name]


def _widened(array: np.ndarray, room: int) -> np.ndarray:
    wider = np.zeros((*array.shape[:-1], room), array.dtype)
    wider[..., : array.shape[-1]] = array
    return wider
