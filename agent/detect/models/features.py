"""Samples of an entity's series in (rows x series), standardised levels out (rows x series).

How series change in time is judged for each by itself; a model of an entity looks at what all of them show at
once. What is usual is learned once, in a plan, and applied to every later row by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from agent.detect.arrays import filled_forward
from agent.records import BoolArray, FloatArray

ROWS_BEFORE = 1  # rows that the features of a row look back on: a counter's increase
_LARGEST = 1e100  # beyond it squares overflow
_FLOOR = 0.02  # of the level: a scale is never taken to be smaller
_CLIP = 10.0  # scales: more is not stranger
_WINSOR = 0.001  # of the samples at either end count as the next one: one absurd sample sets no scale
_COUNTER_SHARE = 0.99  # of a counter's steps are none or up,
_COUNTER_MOVES = 0.05  # and so many are up


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FeaturePlan:
    """What is usual for an entity's series, one entry per series; ``step_s`` between two rows."""

    step_s: float
    counter: BoolArray
    level: FloatArray
    scale: FloatArray

    @property
    def raw_scale(self) -> FloatArray:
        """Return the scale of the samples as they come: a counter's is its rate's, counted."""
        return np.where(self.counter, self.scale * self.step_s, self.scale)

    def state(self) -> dict[str, Any]:
        """Return the plan as plain numbers and arrays."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> FeaturePlan:
        """Return the plan that ``state`` gave."""
        return cls(**{field.name: state[field.name] for field in fields(cls)})


def learn_plan(values: FloatArray, step_s: float) -> FeaturePlan:
    """Learn from rows x series, evenly spaced; NaN is a gap."""
    values = _bounded(values)
    counter = find_counters(values)
    level, scale = moments(_winsorised(_rates(values, counter, step_s)), _FLOOR)
    return FeaturePlan(step_s=step_s, counter=counter, level=level, scale=scale)


def make_features(plan: FeaturePlan, values: FloatArray) -> FloatArray:
    """Return rows x series, all finite: what is not known counts as usual."""
    result: FloatArray = np.nan_to_num(
        np.clip((clean_values(plan, values) - plan.level) / plan.scale, -_CLIP, _CLIP)
    )
    return result


def clean_values(plan: FeaturePlan, values: FloatArray) -> FloatArray:
    """Return gauges as they are and counters as rates; NaN is a gap."""
    return _rates(_bounded(values), plan.counter, plan.step_s)


def moments(values: FloatArray, relative_floor: float) -> tuple[FloatArray, FloatArray]:
    """Return each column's mean and scale.

    The scale is the geometric mean of deviation and range: rare bursts widen it, without setting it.
    It is at least ``relative_floor`` of the mean. NaN counts for nothing.
    """
    known = np.isfinite(values)
    count = np.maximum(known.sum(0), 1)
    level = np.where(known, values, 0.0).sum(0) / count
    away = np.where(known, values - level, 0.0)
    extent = away.max(0, initial=0.0) - away.min(0, initial=0.0)
    floor = np.maximum(relative_floor * np.abs(level), 1e-9)
    spread = np.sqrt(np.maximum(np.sqrt((away**2).sum(0) / count), floor) * np.maximum(extent, floor))
    # a series that never moved: a tenth of its level is a large move
    return level, np.where(extent <= 0, np.maximum(0.1 * np.abs(level), 0.1), spread)


def find_counters(values: FloatArray) -> BoolArray:
    """Return which series only ever count up, but for resets to less than half."""
    filled = filled_forward(values)
    steps = np.diff(filled, axis=0)
    known = np.isfinite(steps)
    count = np.maximum(known.sum(0), 1)
    up = (known & (steps > 0)).sum(0) / count
    down = known & (steps < 0)
    with np.errstate(invalid="ignore"):
        fell_far = filled[1:] < 0.5 * filled[:-1]
    resets_only = ~(down & ~fell_far).any(0)
    least = np.nanmin(np.where(np.isfinite(values), values, np.inf), axis=0, initial=np.inf)
    result: BoolArray = (
        (up >= _COUNTER_MOVES) & (1 - down.sum(0) / count >= _COUNTER_SHARE) & resets_only & (least >= 0)
    )
    return result


def _bounded(values: FloatArray) -> FloatArray:
    return np.clip(np.where(np.isfinite(values), values, np.nan), -_LARGEST, _LARGEST)


def _winsorised(values: FloatArray) -> FloatArray:
    ordered = np.sort(values, axis=0)  # NaN goes last
    count = np.isfinite(values).sum(0)
    low = np.floor(_WINSOR * count).astype(np.intp)
    high = np.maximum(count - 1 - low, 0)
    columns = np.arange(values.shape[1])
    low = np.minimum(low, high)
    return np.clip(values, ordered[low, columns], ordered[high, columns]) if len(values) else values


def _rates(values: FloatArray, counter: BoolArray, step_s: float) -> FloatArray:
    """Turn counters into rates per second. After a reset what is counted since then is the increase."""
    if not counter.any() or not len(values):
        return values
    counted = values[:, counter]
    before = np.concatenate([np.full((1, counted.shape[1]), np.nan), filled_forward(counted)[:-1]])
    with np.errstate(invalid="ignore"):
        grown = np.where(counted < before, counted, counted - before)
    result = values.copy()
    result[:, counter] = grown / (step_s * _rows_since(counted))
    return result


def _rows_since(counted: FloatArray) -> FloatArray:
    """Return for each sample how many rows ago the one before it was; 1 where there was none."""
    rows = np.arange(len(counted))[:, None]
    seen = np.where(np.isfinite(counted), rows, -1)
    last = np.concatenate([np.full((1, counted.shape[1]), -1), np.maximum.accumulate(seen, axis=0)[:-1]])
    result: FloatArray = np.where(last >= 0, rows - last, 1).astype(np.float64)
    return result
