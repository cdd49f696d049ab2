"""Observations in, entities ranked by simple methods out: what a diagnosis has to be better than."""

from __future__ import annotations

import warnings

import numpy as np

from agent.records.evidence import Observations, SeriesTable
from agent.records.metrics import FloatArray


def by_robust_z(observed: Observations, start: int) -> list[str]:
    """Rank by the largest deviation from the median in quartile ranges of any series of an entity.

    The RobustScorer of BARO (Pham, Ha, Zhang: Root cause analysis for microservice systems, FSE 2024).
    """
    before, after = _parts(observed, start)
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        middle = np.nanmedian(before, axis=1)
        low, high = np.nanquantile(before, [0.25, 0.75], axis=1)
        z = np.nanmax(np.abs(after - middle[:, None]), axis=1) / np.maximum(high - low, 1e-9)
    return _ranked(observed, z)


def by_largest_change(observed: Observations, start: int) -> list[str]:
    """Rank by the largest relative change of the mean of any series of an entity."""
    before, after = _parts(observed, start)
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        usual, now = np.nanmean(before, axis=1), np.nanmean(after, axis=1)
        change = np.abs(now - usual) / np.maximum(np.abs(usual), 1e-9)
    return _ranked(observed, change)


def _parts(observed: Observations, start: int) -> tuple[FloatArray, FloatArray]:
    """Return the healthy and the later values, each series x time in the order of the table."""
    table, baseline = observed.table, observed.baseline
    after = table.values[:, start:]
    if baseline is None or not baseline.values.shape[1]:
        return table.values[:, : max(start, 1)], after
    rows = {key: row for row, key in enumerate(_keys(baseline))}
    order = [rows.get(key, -1) for key in _keys(table)]
    before = baseline.values[order].copy()
    before[np.array(order) < 0] = np.nan
    return before, after


def _keys(table: SeriesTable) -> list[tuple[str, str]]:
    pairs = zip(table.names, table.labels, strict=True)
    return [(name, str(sorted(labels.items()))) for name, labels in pairs]


def _ranked(observed: Observations, scores: FloatArray) -> list[str]:
    best: dict[str, float] = {}
    for entity, score in zip(observed.table.entities, np.nan_to_num(scores, posinf=0.0), strict=True):
        best[entity] = max(best.get(entity, 0.0), float(score))
    return sorted(best, key=lambda entity: -best[entity])
