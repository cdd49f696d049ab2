"""Series as their source keeps them in; what happened in each row out: of counters how much was counted."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from agent.diagnose.cause.roles import is_counter
from agent.records.metrics import FloatArray

_FEWEST_STEPS = 7
_MOSTLY = 0.8  # of its steps a counter rises in, when its name alone does not settle it
_RESETS = 0.03  # of the steps, or two: a process that starts anew counts from zero
_SURE_NAMES = ("_total", ".total", "-total", "_bucket")


def as_rates(values: FloatArray, names: Sequence[str], paired: Collection[int] = ()) -> FloatArray:
    """Return counters as their increase per row; everything else as it is.

    A counter is named as one and falls only when its process starts anew. The name ``_total``, or a
    summary's other half among the ``paired`` rows, settles it even when little is counted, as of errors; a
    ``_count`` or ``_sum`` alone may be a gauge, so it has to rise in most rows.
    """
    named = np.array([is_counter(name) for name in names], dtype=bool)
    if values.shape[1] <= _FEWEST_STEPS or not named.any():
        return values
    rows = np.flatnonzero(named)
    own = values[rows]
    steps = np.diff(own, axis=1)
    known = ~np.isnan(steps)
    rising, falling = (known & (steps > 0)).sum(axis=1), known & (steps < 0)
    with np.errstate(invalid="ignore"):
        harmless = ~falling | (own[:, 1:] < 0.5 * own[:, :-1])
    counted = known.sum(axis=1)
    few = falling.sum(axis=1) <= np.maximum(2, _RESETS * counted)
    together = frozenset(paired)
    settled = np.array(
        [names[row].endswith(_SURE_NAMES) or row in together for row in map(int, rows)], dtype=bool
    )
    enough = np.where(settled, rising > 0, rising > _MOSTLY * counted)
    counter = (
        (counted >= _FEWEST_STEPS) & few & harmless.all(axis=1) & enough & (np.fmin.reduce(own, axis=1) >= 0)
    )
    if not counter.any():
        return values
    steps = np.where(falling, own[:, 1:], steps)
    rates = values.copy()
    rates[rows[counter]] = np.c_[steps[counter][:, :1], steps[counter]]
    return rates
