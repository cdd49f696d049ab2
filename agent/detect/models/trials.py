"""A healthy history in, the same with faults of many kinds put in out: what members are tried on.

How well a member sees faults that were put into an entity's own history says more about it than how it does
elsewhere (Goswami et al. 2023, who choose among models by it).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.records import FloatArray, IntArray

_TRIALS = 96
_ROWS = 8  # of a fault
_SIZES = (1.5, 5.0)  # scales: from what hardly shows to what anybody sees
_SHARE = 0.34  # of the series that a fault touches at most


@dataclass(frozen=True, slots=True, eq=False)
class _Spot:
    """Where a fault goes: rows and columns of ``faulty``; ``values`` stay as they were."""

    faulty: FloatArray
    values: FloatArray
    rows: IntArray
    columns: IntArray
    scale: FloatArray
    chance: np.random.Generator

    @property
    def cells(self) -> tuple[IntArray, ...]:
        """Return an index of the cells."""
        return np.ix_(self.rows, self.columns)

    def sizes(self) -> FloatArray:
        """Return how far each series is pushed, up or down."""
        signs = self.chance.choice([-1.0, 1.0], len(self.columns))
        return signs * self.chance.uniform(*_SIZES, len(self.columns)) * self.scale[self.columns]


def with_faults(values: FloatArray, scale: FloatArray, seed: int) -> tuple[FloatArray, IntArray]:
    """Return a copy of rows x series with faults, and the numbers of the rows that have one."""
    chance = np.random.default_rng(seed)
    faulty = values.copy()
    count = min(_TRIALS, len(values) // (4 * _ROWS))
    if not count:
        return faulty, np.empty(0, np.intp)
    begins = (np.arange(count) + chance.uniform(0.3, 0.7, count)) * (len(values) / count)
    places: list[IntArray] = []
    for number, begin in enumerate(begins.astype(np.intp).tolist()):
        rows = np.arange(begin, min(begin + _ROWS, len(values)))
        most = max(int(_SHARE * values.shape[1]), 1)
        columns = chance.choice(values.shape[1], chance.integers(1, most + 1), replace=False)
        _FAULTS[number % len(_FAULTS)](_Spot(faulty, values, rows, columns, scale, chance))
        places.append(rows)
    return faulty, np.concatenate(places)


def _shift(spot: _Spot) -> None:
    spot.faulty[spot.cells] += spot.sizes()


def _drift(spot: _Spot) -> None:
    spot.faulty[spot.cells] += np.linspace(0.2, 1.2, len(spot.rows))[:, None] * spot.sizes()


def _shake(spot: _Spot) -> None:
    noise = spot.chance.standard_normal((len(spot.rows), len(spot.columns)))
    spot.faulty[spot.cells] += noise * np.abs(spot.sizes())


def _other_time(spot: _Spot) -> None:
    """Let series show what they showed at another time: each is usual, together they are not."""
    begin = int(spot.chance.integers(0, max(len(spot.values) - len(spot.rows), 1)))
    spot.faulty[spot.cells] = spot.values[begin : begin + len(spot.rows)][:, spot.columns]


def _freeze(spot: _Spot) -> None:
    spot.faulty[spot.cells] = spot.values[max(int(spot.rows[0]) - 1, 0), spot.columns]


_FAULTS = (_shift, _other_time, _drift, _other_time, _shake, _freeze)
