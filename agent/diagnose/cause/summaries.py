"""Rates of a summary's sum and count in, the mean of each out, in the sum's place.

Histograms and summaries of Prometheus, Micrometer and OpenTelemetry come as ``X_sum`` and ``X_count``.
Neither says alone how long something took: the sum grows with the traffic as well.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agent.records.evidence import SeriesTable
from agent.records.metrics import FloatArray

_SUM, _COUNT = "_sum", "_count"
Pair = tuple[int, int]


def find_pairs(table: SeriesTable) -> Sequence[Pair]:
    """Return the rows of sums and counts that belong together."""
    counts = {
        (name.removesuffix(_COUNT), _key(table, row)): row
        for row, name in enumerate(table.names)
        if name.endswith(_COUNT)
    }
    pairs = []
    for row, name in enumerate(table.names if counts else ()):
        if name.endswith(_SUM):
            other = counts.get((name.removesuffix(_SUM), _key(table, row)))
            if other is not None:
                pairs.append((row, other))
    return pairs


def with_means(rates: FloatArray, pairs: Sequence[Pair]) -> FloatArray:
    """Return the rates with each sum divided by its count; where nothing was counted there is no mean."""
    if not pairs:
        return rates
    sums, counts = np.array(pairs).T
    means = rates.copy()
    with np.errstate(divide="ignore", invalid="ignore"):
        means[sums] = np.where(rates[counts] > 0, rates[sums] / rates[counts], np.nan)
    return means


def _key(table: SeriesTable, row: int) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(table.labels[row].items()))
