"""What every member of an ensemble promises: PyOD's ``fit`` and ``decision_function``, and a plain state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np

from agent.records import FloatArray

SEED = 0


@runtime_checkable
class EntityModel(Protocol):
    """Learns rows x features of healthy times; a higher score is stranger (PyOD's convention)."""

    def fit(self, rows: FloatArray) -> Self:
        """Learn. Rows are evenly spaced in time and finite."""

    def decision_function(self, rows: FloatArray) -> FloatArray:
        """Return a finite score for each row."""


@runtime_checkable
class Stateful(EntityModel, Protocol):
    """A model that is nothing but numbers: it can be kept in a file that runs nothing when it is read."""

    def state(self) -> dict[str, Any]:
        """Return numbers and arrays."""

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the model that ``state`` gave."""


class Plain:
    """A member that is nothing but its attributes, numbers and arrays: they are its state."""

    def state(self) -> dict[str, Any]:
        """Return them by their names."""
        return {name.lstrip("_"): value for name, value in vars(self).items()}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the model that ``state`` gave."""
        made = cls()
        for name, value in state.items():
            setattr(made, f"_{name}", value)
        return made


def sampled(rows: FloatArray, most: int) -> FloatArray:
    """Return at most so many rows, evenly spread over time."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.intp)]
