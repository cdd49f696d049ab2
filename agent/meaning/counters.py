"""Series as their source keeps them in, which of them count and what was counted out.

A counter only rises, and falls to nothing when its process starts anew: only its increase says anything.
Metadata settles what is one; ``_total`` does where there is none; a ``_count`` or ``_sum`` does only beside
its other half, for gauges are named so, too. What falls now and then is no counter, whatever it is called.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import promql_parser

from agent.meaning.metadata import NO_METADATA, metadata_of
from agent.records.metadata import Metadata
from agent.records.metrics import BoolArray, FloatArray

_SURE_NAMES = ("_total", ".total", "-total", "_bucket")
_HALVES = ("_count", "_sum")
_LOOSE_NAMES = ("_count", "_sum", ".count", ".sum", "-count", "-sum", ":count", ":sum", ":total")
_PER_REQUEST = re.compile(r"(?:seconds|milliseconds|duration|latency)_(?:count|sum)$")
_FEWEST_STEPS = 7
_MOSTLY = 0.8  # of its steps a counter rises in, when its name alone does not settle it
_RESETS = 0.03  # of the steps, or two: a process that starts anew counts from nothing


def is_counter_query(query: str, metadata: Metadata = NO_METADATA) -> bool:
    """Return whether a query is nothing but the selector of a counter.

    >>> is_counter_query('requests_total{job="a"}'), is_counter_query("rate(requests_total[5m])")
    (True, False)
    """
    try:
        parsed = promql_parser.parse(query)
    except ValueError:
        return False
    while isinstance(parsed, promql_parser.ParenExpr):
        parsed = parsed.expr
    if not isinstance(parsed, promql_parser.VectorSelector) or not parsed.name:
        return False
    return _is_named(parsed.name, frozenset(), metadata) is True


def counting_rows(names: Sequence[str], values: FloatArray, metadata: Metadata = NO_METADATA) -> BoolArray:
    """Return which rows (of series x time) count. Every name is without its labels."""
    families = frozenset(names)
    told = [_is_named(name, families, metadata) for name in names]
    rows = np.flatnonzero([one is not False for one in told])
    counting = np.zeros(len(names), bool)
    if not len(rows) or values.shape[1] < 2:
        return counting
    own = values[rows]
    steps = np.diff(own, axis=1)
    known = ~np.isnan(steps)
    counted = known.sum(axis=1)
    rising, falling = (known & (steps > 0)).sum(axis=1), known & (steps < 0)
    with np.errstate(invalid="ignore"):
        harmless = ~falling | (own[:, 1:] < 0.5 * own[:, :-1])
        # what starts anew counts from nothing, and what counts has risen to where it fell from
        lands = (falling & (own[:, 1:] > 0)).any(axis=1) & (rising == 0)
    few = falling.sum(axis=1) <= np.maximum(2, _RESETS * counted)
    sure = np.array([told[row] is True for row in rows], bool)
    steady = (counted >= _FEWEST_STEPS) & (rising > _MOSTLY * counted)
    counting[rows] = (
        few & harmless.all(axis=1) & ~lands & (sure | steady) & (np.fmin.reduce(own, axis=1) >= 0)
    )
    return counting


def as_counted(values: FloatArray, counting: BoolArray) -> FloatArray:
    """Return the increase per column of what counts, and everything else as it is."""
    if not counting.any():
        return values
    own = values[counting]
    increase = np.full(own.shape, np.nan)
    if own.shape[1] > 1:
        steps = np.diff(own, axis=1)
        increase[:, 1:] = np.where(steps < 0, own[:, 1:], steps)
        increase[:, 0] = increase[:, 1]
    counted = values.copy()
    counted[counting] = increase
    return counted


def _is_named(name: str, families: frozenset[str], metadata: Metadata) -> bool | None:
    """Return whether a name is that of a counter; None where only the values can tell."""
    known, part = metadata_of(name, metadata)
    if part:
        return True
    if known.type != "unknown":
        return known.type == "counter"
    if name.endswith(_SURE_NAMES):
        return True
    for half, other in (_HALVES, _HALVES[::-1]):
        base = name.removesuffix(half)
        if base != name and (base + other in families or base + "_bucket" in families):
            return True
    if _PER_REQUEST.search(name):
        return True
    return None if name.endswith(_LOOSE_NAMES) else False
