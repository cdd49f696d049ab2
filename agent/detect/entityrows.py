"""The series of a frame in, which of them are judged together out: an entity's, or a host's lone ones."""

from __future__ import annotations

from collections.abc import Sequence, Set

import numpy as np

from agent.records import BoolArray, FloatArray, IntArray, Series


class EntityRows:
    """Entities by number, in the order they were seen. A frame only adds rows between renumberings."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all; the next frame is looked at from its first row on."""
        self.names: list[str] = []
        self.numbers: IntArray = np.empty(0, np.intp)
        self.counts: IntArray = np.empty(0, np.intp)
        self.sharing: FloatArray = np.empty(0)  # of each row: how many series share its entity's alarms
        self._numbers: dict[str, int] = {}
        self._of_row: list[int] = []

    def fit_to(self, series: Sequence[Series], watched: Set[str]) -> None:
        """Take in the rows that are new; those of signals that are not ``watched`` belong to nobody (-1)."""
        if len(series) == len(self._of_row):
            return
        for one in series[len(self._of_row) :]:
            self._of_row.append(self._number(one.entity) if one.signal in watched else -1)
        self.numbers = np.array(self._of_row, np.intp)
        self.counts = np.bincount(self.numbers[self.numbers >= 0], minlength=len(self.names))
        counts = np.append(self.counts, 1)  # -1: the last
        self.sharing = np.maximum(counts[self.numbers], 1).astype(np.float64)

    def count_of(self, entity: str) -> int:
        """Return how many watched series an entity has, 1 at least."""
        number = self._numbers.get(entity)
        return 1 if number is None else max(int(self.counts[number]), 1)

    def rows_of(self, number: int) -> IntArray:
        """Return the rows of an entity."""
        return np.flatnonzero(self.numbers == number)

    def mean(self, values: FloatArray, where: BoolArray) -> tuple[FloatArray, IntArray]:
        """Return for each entity the mean of its rows' values ``where`` it counts, and of how many."""
        numbers = self.numbers[where & (self.numbers >= 0)]
        count = np.bincount(numbers, minlength=len(self.names))
        total = np.bincount(numbers, values[where & (self.numbers >= 0)], minlength=len(self.names))
        return total / np.maximum(count, 1), count

    def _number(self, entity: str) -> int:
        number = self._numbers.setdefault(entity, len(self.names))
        if number == len(self.names):
            self.names.append(entity)
        return number
