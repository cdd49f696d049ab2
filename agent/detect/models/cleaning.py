"""Features of a history in, the rows that are worth learning from out: all but what lasted far from the rest.

A trimmed estimate of how features go together (a concentration step of Rousseeuw & Van Driessen 1999) says
how far a row is from the rest. A fault that lasted is a run of far rows; a burst is not, and belongs to what
is normal here.
"""

from __future__ import annotations

import numpy as np

from agent.detect.arrays import moving_mean
from agent.detect.models.relations import Relations
from agent.records import BoolArray, FloatArray

_TRIMMED = 0.02  # share of the rows that the estimate leaves aside
_FAR = 2.5  # times the distance of the hundredth strangest row of the rest
_LASTING = 8  # rows
_MOST = 0.05  # share of the rows that may be left out: more is another way of being healthy


def worth_learning(rows: FloatArray) -> BoolArray:
    """Return which rows x features are worth learning from."""
    good = np.ones(len(rows), bool)
    if len(rows) < 20 * _LASTING:
        return good
    distance = Relations().fit(rows).decision_function(rows)
    near = distance <= np.quantile(distance, 1 - _TRIMMED)
    distance = Relations().fit(rows[near]).decision_function(rows)
    usual = float(np.quantile(distance[near], 0.99))
    far = np.flatnonzero(moving_mean(distance[:, None], _LASTING)[:, 0] > _FAR * usual)
    for lag in range(_LASTING):
        good[np.maximum(far - lag, 0)] = False
    return good if (~good).mean() <= _MOST else np.ones(len(rows), bool)
