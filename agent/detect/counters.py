"""Counters in, what they count per second out; one that fell began anew at nothing, as in Prometheus."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agent.detect.rows import Rows
from agent.meaning import NO_METADATA, counting_rows
from agent.records import BoolArray, FloatArray, IntArray

WINDOW = "5m"  # of the rate that shows people what was judged
_FIRST_ROWS = 100  # that say whether a column is a counter; before them nothing is judged


def rates(values: FloatArray, times: FloatArray) -> FloatArray:
    """Return what counters (… x time) count per second since the sample before, NaN where there is none."""
    rows = np.where(np.isfinite(values), np.arange(values.shape[-1]), -1)
    latest = np.maximum.accumulate(rows, axis=-1)
    before = np.concatenate([np.full((*values.shape[:-1], 1), -1), latest[..., :-1]], axis=-1)
    known = np.isfinite(values) & (before >= 0)
    place = np.maximum(before, 0)
    return np.where(
        known, _per_second(values, np.take_along_axis(values, place, -1), times - times[place]), np.nan
    )


def _per_second(now: FloatArray, earlier: FloatArray, seconds: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", over="ignore"):
        grown = np.where(now >= earlier, now - earlier, now)
        result: FloatArray = grown / np.maximum(seconds, 1e-3)
    return result


class Counters:
    """The last sample of every row that is a counter."""

    def __init__(self) -> None:
        self.rows = Rows(value=np.float64, at=np.float64, known=np.bool_)

    def newest(self, values: FloatArray, counting: BoolArray, at: float) -> FloatArray:
        """Return the newest samples, with rates in place of those that are counting."""
        self.rows.fit_to(len(values))
        if not counting.any():
            return values
        value, seen_at, known = (self.rows[name] for name in ("value", "at", "known"))
        fresh = counting & np.isfinite(values)
        result = np.where(counting, np.nan, values)
        told = fresh & known
        result[told] = _per_second(values[told], value[told], at - seen_at[told])
        value[fresh], seen_at[fresh], known[fresh] = values[fresh], at, True
        return result

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of the rows."""
        self.rows.keep(rows)


def counting_columns(names: Sequence[str], values: FloatArray) -> BoolArray:
    """Return which series (of series x time) of a file are counters.

    Only the first rows are looked at: what comes later may not change what was judged before.
    """
    return counting_rows([name.split("{", 1)[0] for name in names], values[:, :_FIRST_ROWS], NO_METADATA)
