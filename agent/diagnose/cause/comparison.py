"""Healthy values and values of an incident in, how far each series is from what is normal out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent.diagnose.cause.onset import FEWEST_BEFORE
from agent.diagnose.cause.surprise import Tail
from agent.meaning import MetricRole, bad_direction
from agent.records.metrics import FloatArray, IntArray

NOTABLE = 3.0  # robust standard deviations; below it a change is called noise
CAP = 1000.0  # beyond it more says nothing more
# a change by less than 3 x 5 % of its level is nothing to an operator, however steady the series was
_RELATIVE_FLOOR = 0.05
# a share of bad answers under 0.2 % is within what clients retry; in percent and in 0..1
_UNAVAILABLE_FLOOR = 0.0007
_CONSTANT_Z = 20.0  # what leaves a constant by its own largest step counts as so many deviations


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Excess, robust deviations and digits of surprise, series x time; direction, level, scale per series."""

    excess: FloatArray
    z: FloatArray
    digits: FloatArray
    direction: IntArray
    level: FloatArray
    scale: FloatArray


def compare(
    before: FloatArray, early: FloatArray, values: FloatArray, roles: Sequence[MetricRole]
) -> Comparison:
    """Compare values with healthy ones, all series x time.

    ``early`` are rows after the baseline but before the incident: what deviated then already is not
    this incident's doing, so the level moves there.
    """
    known = (~np.isnan(before)).sum(axis=1) >= FEWEST_BEFORE
    level, spread, low, high = _describe(before)
    # the 99 % quantile of a normal distribution lies 2.33 deviations out
    tail = np.array([1.4826 * spread, (level - low) / 2.33, (high - level) / 2.33])
    tail[:, ~known], level[~known] = 0.0, 0.0
    unavailable = np.array([role is MetricRole.AVAILABILITY for role in roles], dtype=bool)
    with np.errstate(invalid="ignore", all="ignore"):
        widest = np.nan_to_num(np.fmax.reduce(np.abs(values - level[:, None]), axis=1, initial=0.0))
    percent = np.where(np.nan_to_num(np.fmax.reduce(values, axis=1, initial=0.0)) > 1.0, 100.0, 1.0)
    floor = np.where(unavailable, _UNAVAILABLE_FLOOR * percent, _RELATIVE_FLOOR * np.abs(level))
    floor = np.maximum(floor, np.where(np.maximum(floor, tail[0]) <= 0, widest / _CONSTANT_Z, 0.0))
    rise, z_rise = _one_side(values, level, np.maximum.reduce([tail[0], tail[2], floor]), early)
    fall, z_fall = _one_side(-values, -level, np.maximum.reduce([tail[0], tail[1], floor]), -early)
    wanted = np.array([1 if role is MetricRole.AVAILABILITY else bad_direction(role) for role in roles])
    falls = (wanted == 0) & (severity_of_deviations(z_fall) > severity_of_deviations(z_rise))
    excess = np.where(falls[:, None], fall, rise)
    z = np.where(falls[:, None], z_fall, z_rise)
    excess[~known], z[~known] = 0.0, 0.0
    scale = np.maximum.reduce([tail[0], np.where(falls, tail[1], tail[2]), floor])
    least = np.maximum(tail[0], floor)
    up = Tail.of(before, level, least).surprise(values - _shift(level, early))
    down = Tail.of(-before, -level, least).surprise(-values - _shift(-level, -early))
    digits = np.where(falls[:, None], down, up)
    digits[~known] = 0.0
    return Comparison(excess, z, digits, np.where(falls, -1, 1), level, scale)


def _shift(level: FloatArray, early: FloatArray) -> FloatArray:
    """Return by how much each series had moved before the incident, as a column."""
    moved = np.fmax(level, np.fmin.reduce(early, axis=1)) if early.shape[1] else level
    return (moved - level)[:, None]


def _describe(values: FloatArray) -> tuple[FloatArray, ...]:
    """Return median, median absolute deviation, 1 % and 99 % quantile per row, gaps left out.

    Sorts once and picks: NumPy's own functions for gaps go row by row, which is far too slow here.
    """
    if not values.shape[1]:
        nothing = np.zeros(values.shape[0])
        return nothing, nothing, nothing, nothing
    ordered = np.sort(values, axis=1)
    count = (~np.isnan(values)).sum(axis=1)
    level = _pick(ordered, count, 0.5)
    away = np.sort(np.abs(values - level[:, None]), axis=1)
    return level, _pick(away, count, 0.5), _pick(ordered, count, 0.01), _pick(ordered, count, 0.99)


def _pick(ordered: FloatArray, count: IntArray, quantile: float) -> FloatArray:
    """Return a quantile of rows that are sorted with their gaps last; 0 for rows of nothing but gaps."""
    place = quantile * np.maximum(count - 1, 0)
    below = np.floor(place).astype(np.intp)
    above = np.minimum(below + 1, np.maximum(count - 1, 0))
    rows = np.arange(len(ordered))
    part = place - below
    picked: FloatArray = ordered[rows, below] * (1 - part) + ordered[rows, above] * part
    return np.nan_to_num(picked)


def _one_side(
    values: FloatArray, level: FloatArray, scale: FloatArray, early: FloatArray
) -> tuple[FloatArray, FloatArray]:
    moved = level
    if early.shape[1]:
        # the least deviating of the early rows: a fault that shows first in its cause keeps its rise
        moved = np.fmax(level, np.fmin.reduce(early, axis=1))
    excess = np.nan_to_num(np.maximum(values - moved[:, None], 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(scale[:, None] > 0, excess / scale[:, None], 0.0)
    z = np.minimum(z, CAP)
    excess[z < 1.0] = 0.0
    return excess, z


def severity_of_deviations(z: FloatArray) -> FloatArray:
    """Return 0..1: the mean of the worst half of the rows, on a scale where each doubling counts alike."""
    if not z.shape[1]:
        return np.zeros(z.shape[0])
    most = max(1, z.shape[1] // 2) if z.shape[1] < 20 else z.shape[1] // 4
    worst = np.partition(z, z.shape[1] - most, axis=1)[:, -most:].mean(axis=1)
    severity: FloatArray = np.where(worst >= NOTABLE / 2, np.log1p(worst) / np.log1p(CAP), 0.0)
    return severity
