"""Samples in, those of the few series that have changed for good as if they were still where they were out.

A model that is not fitted again finds a series that was moved, resized or given a new unit strange for ever:
louder than all others together, it hides what happens to them and is named for it. Once it has been elsewhere
for most of a day it is taken to vary there as it varied before. When many series of an entity are elsewhere,
that is no change of a series but the entity's trouble, and stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.detect.causal import Schedule, median_of_known
from agent.detect.scale import FLOOR, moments
from agent.records import FloatArray

_FEW = 0.2  # of an entity's series
_PARTS = 4  # of a day: how often it is looked at
_LEAST = 1e-3  # of the level: a scale is never taken to be smaller


@dataclass(frozen=True, slots=True, eq=False)
class Rebased:
    """``values`` (rows x series) as models know them; all arrays are of their shape, or of one cell.

    What lies around ``here`` is put around ``there``; ``wider`` is how much wider it lies.
    """

    values: FloatArray
    here: FloatArray
    there: FloatArray
    wider: FloatArray

    def original(self, values: FloatArray) -> FloatArray:
        """Return what is expected of ``values`` where the series are now."""
        result: FloatArray = self.here + (values - self.there) * self.wider
        return result


def rebased(values: FloatArray, schedule: Schedule) -> Rebased:
    """Rebase the rows after ``learn_until``, each by the day before it; without one models follow anyway.

    A series that comes back is as normal as one that stays: each sample counts from where it is less strange.
    """
    few = int(_FEW * values.shape[1])
    learned = values[: schedule.learn_until]
    if not few or not len(learned):
        return Rebased(values, np.zeros((1, 1)), np.zeros((1, 1)), np.ones((1, 1)))
    here, there, wider = np.zeros_like(values), np.zeros_like(values), np.ones_like(values)
    usual, spread = median_of_known(learned), moments(learned, _LEAST)[1]
    # what never moved is strange as soon as it moves a little
    unit = np.where(np.nan_to_num(learned - usual).any(0), spread, FLOOR * spread)
    step = max(schedule.day // _PARTS, 1)
    for begin in range(schedule.learn_until + step, len(values), step):
        past = values[max(begin - schedule.day, 0) : begin]
        now = median_of_known(past)
        moved = np.abs(now - usual) > spread
        if 0 < moved.sum() <= few:
            rows = slice(begin, begin + step)
            here[rows, moved] = now[moved]
            there[rows, moved] = usual[moved]
            wider[rows, moved] = np.maximum(moments(past[:, moved], _LEAST)[1] / unit[moved], 1.0)
    back = np.abs(values - there) < np.abs(values - here) / wider
    here[back], there[back], wider[back] = 0.0, 0.0, 1.0
    return Rebased(there + (values - here) / wider, here, there, wider)
