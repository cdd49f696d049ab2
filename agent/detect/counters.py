"""Counters in, what they count per second out; one that fell began anew at nothing, as in Prometheus."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import promql_parser

from agent.detect.rows import Rows
from agent.records import BoolArray, FloatArray, IntArray

WINDOW = "5m"  # of the rate that shows people what was judged
_COUNTER = re.compile(r"_(?:total|bucket)$")
_OF_A_HISTOGRAM = re.compile(r"^(?P<base>.+)_(?:count|sum)$")
_FIRST_ROWS = 100  # that say whether a column is a counter; before them nothing is judged
_FALLS = 0.1  # of the steps: what falls more often counts nothing


def counts(query: str) -> bool:
    """Return whether a query is nothing but the selector of a counter, by its name."""
    try:
        parsed = promql_parser.parse(query)
    except ValueError:
        return False
    while isinstance(parsed, promql_parser.ParenExpr):
        parsed = parsed.expr
    if not isinstance(parsed, promql_parser.VectorSelector):
        return False
    name = parsed.name or ""
    return bool(_COUNTER.search(name) or _OF_A_HISTOGRAM.match(name))


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
    """Return which series (of series x time) of a file are counters: by name, and because they hardly fall.

    Only the first rows are looked at: what comes later may not change what was judged before.
    """
    bare = [name.split("{", 1)[0] for name in names]
    bases = {name.removesuffix("_bucket") for name in bare if name.endswith("_bucket")}
    result = np.zeros(len(names), bool)
    for row, name in enumerate(bare):
        of_a_histogram = _OF_A_HISTOGRAM.match(name)
        if _COUNTER.search(name) or (of_a_histogram and of_a_histogram["base"] in bases):
            first = values[row, :_FIRST_ROWS]
            steps = np.diff(first[np.isfinite(first)])
            moves = int((steps != 0).sum())
            result[row] = moves > 0 and (steps < 0).sum() <= _FALLS * moves
    return result
