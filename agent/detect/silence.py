"""Samples in, series that say nothing out: the same value again and again, or no sample at all.

Neither is far from anything foreseen, so no forecast tells of it. Each gives a strength, 1 where it is just
strange enough.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from agent.detect.rows import Rows
from agent.records import BoolArray, FloatArray, IntArray

_MOVES = 0.2  # share of samples that must differ from the one before for standing still to mean something
_STILL_SAMPLES = 12  # a source that stalls repeats its last sample for minutes
_STILL_CHANCE = 1e-6  # of so many equal samples, by how often the series moved
_STILL_TIMES = 3.0  # longer than it ever stood still
_MEMORY = 480.0  # samples over which it is learned how often a series moves and is there
_STRONGEST = 3.0  # silence that lasts longer says no more
_PRESENT = 0.95  # share of samples that must have been there for their absence to mean something
_PRESENT_SAMPLES = 120


class Stillness:
    """The same value again and again, in a series that moved before."""

    def __init__(self, warm_up: int) -> None:
        self._warm_up = warm_up
        self.rows = Rows(
            value=np.float64, run=np.float64, longest=np.float64, moves=np.float64, count=np.float64
        )

    def look(self, values: FloatArray, calm: BoolArray) -> FloatArray:
        """Return for how long each row has stood still, as a multiple of what would be strange."""
        self.rows.fit_to(len(values))
        value, run, longest, moves, count = (
            self.rows[name] for name in ("value", "run", "longest", "moves", "count")
        )
        known = np.isfinite(values)
        moved = known & (values != value)
        taught = calm & known
        ended = taught & moved & (count > 0)
        longest[ended] = np.maximum(longest[ended], run[ended])
        weight = np.maximum(1.0 / (count + 1.0), 1.0 / _MEMORY)
        # while it stands still for unusually long it is not forgotten how often it moved
        teaches = taught & (moved | (run <= longest)) & (count > 0)
        moves += np.where(teaches, weight * (moved - moves), 0.0)
        count += taught
        run[:] = np.where(moved, 1.0, run + known)
        value[known] = values[known]
        by_chance = np.log(_STILL_CHANCE) / np.log1p(-np.clip(moves, 1e-3, 0.999))
        needed = np.maximum(np.maximum(by_chance, _STILL_TIMES * longest), _STILL_SAMPLES)
        # a series that rests at nothing is idle; that it fell to nothing is for others to say
        tells = known & (count > self._warm_up) & (moves >= _MOVES) & (values != 0.0)
        return np.where(tells, np.minimum(run / needed, _STRONGEST), 0.0)


class Absence:
    """No sample of a series that was always there, and nothing new of its signal in its place."""

    def __init__(self, missing_after: int) -> None:
        self._missing_after = missing_after
        self.rows = Rows(present=np.float64, count=np.float64, gap=np.float64, age=np.float64)

    def look(
        self, known: BoolArray, due: BoolArray, calm: BoolArray, rows: Mapping[str, IntArray]
    ) -> FloatArray:
        """Return for how long each row has been away, as a multiple of what would be strange.

        ``known`` rows have a sample now, ``due`` ones should: their signal was answered in whole. ``rows``
        are those of each such signal. Where as many series of a signal came as went, labels have changed:
        that is no absence.
        """
        self.rows.fit_to(len(known))
        present, count, gap, age = (self.rows[name] for name in ("present", "count", "gap", "age"))
        weight = np.maximum(1.0 / (count + 1.0), 1.0 / _MEMORY)
        # what a gap says of a series is learned when it is over: until then it may be a fault
        returned = known & (gap > 0) & calm
        if returned.any():
            present[returned] *= (1.0 - weight[returned]) ** np.minimum(gap[returned], 1e4)
        gap[:] = np.where(known, 0.0, gap + due)
        age += (known | (age > 0)) & due
        taught = known & calm
        if not self._missing_after:
            return np.zeros(len(known))
        gone = due & (gap >= self._missing_after) & (present >= _PRESENT) & (count >= _PRESENT_SAMPLES)
        if gone.any():
            self._forget_replaced(gone, known, rows)
        present += np.where(taught, weight * (1.0 - present), 0.0)
        count += taught
        return np.where(gone, np.minimum(gap / self._missing_after, _STRONGEST), 0.0)

    def _forget_replaced(self, gone: BoolArray, known: BoolArray, rows: Mapping[str, IntArray]) -> None:
        present, gap, age = (self.rows[name] for name in ("present", "gap", "age"))
        for numbers in rows.values():
            away = numbers[gone[numbers]]
            if len(away):
                new = known[numbers] & (age[numbers] <= gap[away].max() + self._missing_after)
                if new.sum() >= len(away):
                    present[away] = 0.0
                    gone[away] = False
