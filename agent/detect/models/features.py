"""Samples of an entity's series in (rows x series), feature vectors out (rows x features).

Each series gives its level, its change, its variability and its distance from the usual at that time of day;
pairs of series that belong together (errors and traffic, latency and traffic) give their ratio; the time of
day itself is two more. What is usual is learned once, in a plan, and applied to every later row by itself, so
that a row's features are the same whether it comes from history or from the newest poll.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from agent.detect.causal import filled_forward, moving_mean
from agent.detect.scale import moments
from agent.records import BoolArray, FloatArray, IntArray

ROWS_BEFORE = 12  # rows that the features of a row look back on
PARTS = 24  # of a day
_LARGEST = 1e100  # beyond it squares overflow
_FLOOR = 0.02  # of the level: a scale is never taken to be smaller
_OWN_FLOOR = 0.1  # of the series' own scale: the same for its changes and its wobble
_CLIP = 10.0  # scales: more is not stranger
_WINSOR = 0.001  # of the samples at either end count as the next one: one absurd sample sets no scale
_CHANGE_ROWS = 4
_WOBBLE_ROWS = 8
_MOST_PAIRS = 6
_KNOWN_DAYS = 3  # on which a time of day must have been seen to be usual
_COUNTER_SHARE = 0.99  # of a counter's steps are none or up,
_COUNTER_MOVES = 0.05  # and so many are up
_DAY_S = 86_400.0
_TIME_WEIGHT = 0.5  # the time of day explains, it is not strange by itself


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FeaturePlan:
    """What is usual for an entity's series: one entry per series, ``pairs`` hold two column numbers.

    ``profile`` is part of day x series, NaN where the time of day says nothing.
    """

    step_s: float
    counter: BoolArray
    level: FloatArray
    scale: FloatArray
    change_scale: FloatArray
    wobble: FloatArray
    profile: FloatArray
    season_scale: FloatArray
    pairs: IntArray
    pair_level: FloatArray
    pair_scale: FloatArray

    @property
    def size(self) -> int:
        """Return the number of features."""
        return 4 * len(self.level) + len(self.pairs) + 2

    def state(self) -> dict[str, Any]:
        """Return the plan as plain numbers and arrays."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> FeaturePlan:
        """Return the plan that ``state`` gave."""
        return cls(**{field.name: state[field.name] for field in fields(cls)})


def learn_plan(values: FloatArray, times: FloatArray, roles: Sequence[str], step_s: float) -> FeaturePlan:
    """Learn from rows x series, evenly spaced; NaN is a gap. ``roles`` are those of the signals."""
    values = _bounded(values)
    counter = find_counters(values)
    clean = _winsorised(_rates(values, counter, step_s))
    level, scale = moments(clean, _FLOOR)
    own_floor = _OWN_FLOOR * scale
    profile = _profile(clean, times)
    rest = clean - _expected(profile, times)
    pairs = choose_pairs(roles)
    ratios = _ratios(clean, pairs, scale)
    pair_level, pair_scale = moments(ratios, 0.0)
    return FeaturePlan(
        step_s=step_s,
        counter=counter,
        level=level,
        scale=scale,
        change_scale=np.maximum(moments(_changes(clean), 0.0)[1], own_floor),
        wobble=np.maximum(_median(_wobble(clean)), own_floor),
        profile=profile,
        season_scale=np.maximum(moments(rest, 0.0)[1], own_floor),
        pairs=pairs,
        pair_level=pair_level,
        pair_scale=np.maximum(pair_scale, 0.05),
    )


def make_features(plan: FeaturePlan, values: FloatArray, times: FloatArray) -> FloatArray:
    """Return rows x features, all finite: what is not known counts as usual."""
    clean = clean_values(plan, values)
    parts = [
        (clean - plan.level) / plan.scale,
        _changes(clean) / plan.change_scale,
        np.log((_wobble(clean) + 0.1 * plan.wobble) / (1.1 * plan.wobble)),
        (clean - _expected(plan.profile, times)) / plan.season_scale,
        (_ratios(clean, plan.pairs, plan.scale) - plan.pair_level) / plan.pair_scale,
        _TIME_WEIGHT * _clock(times),
    ]
    result: FloatArray = np.nan_to_num(np.clip(np.concatenate(parts, axis=1), -_CLIP, _CLIP))
    return result


def clean_values(plan: FeaturePlan, values: FloatArray) -> FloatArray:
    """Return gauges as they are and counters as rates; NaN is a gap."""
    return _rates(_bounded(values), plan.counter, plan.step_s)


def expected_levels(plan: FeaturePlan, times: FloatArray) -> FloatArray:
    """Return what the time of day, else the level, lets expect: rows x series."""
    expected = _expected(plan.profile, times)
    return np.where(np.isfinite(expected), expected, plan.level)


def find_counters(values: FloatArray) -> BoolArray:
    """Return which series only ever count up, but for resets to less than half."""
    steps = np.diff(filled_forward(values), axis=0)
    known = np.isfinite(steps)
    count = np.maximum(known.sum(0), 1)
    up = (known & (steps > 0)).sum(0) / count
    down = known & (steps < 0)
    with np.errstate(invalid="ignore"):
        fell_far = filled_forward(values)[1:] < 0.5 * filled_forward(values)[:-1]
    resets_only = ~(down & ~fell_far).any(0)
    least = np.nanmin(np.where(np.isfinite(values), values, np.inf), axis=0, initial=np.inf)
    result: BoolArray = (
        (up >= _COUNTER_MOVES) & (1 - down.sum(0) / count >= _COUNTER_SHARE) & resets_only & (least >= 0)
    )
    return result


def choose_pairs(roles: Sequence[str]) -> IntArray:
    """Return pairs of columns whose ratio means something: what went wrong, took, or was used per traffic."""
    traffic = [column for column, role in enumerate(roles) if role == "traffic"]
    pairs = [
        (column, base)
        for wanted in ("errors", "latency", "saturation")
        for column, role in enumerate(roles)
        if role == wanted
        for base in traffic[:2]
    ]
    return np.array(pairs[:_MOST_PAIRS], np.intp).reshape(-1, 2)


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


def _changes(clean: FloatArray) -> FloatArray:
    """Return each sample minus the mean of the few before it."""
    before = np.full_like(clean, np.nan)
    before[1:] = moving_mean(clean, _CHANGE_ROWS)[:-1]
    return clean - before


def _wobble(clean: FloatArray) -> FloatArray:
    """Return the standard deviation of the last rows; NaN where there are too few."""
    mean = moving_mean(clean, _WOBBLE_ROWS)
    squares, count = np.zeros(clean.shape), np.zeros(clean.shape)
    for lag in range(min(_WOBBLE_ROWS, len(clean))):
        away = clean[: len(clean) - lag] - mean[lag:]
        known = np.isfinite(away)
        away[~known] = 0.0
        squares[lag:] += away * away
        count[lag:] += known
    with np.errstate(invalid="ignore", divide="ignore"):
        result: FloatArray = np.sqrt(squares / count)
    return np.where(count > _WOBBLE_ROWS // 2, result, np.nan)


def _median(values: FloatArray) -> FloatArray:
    known = np.isfinite(values).any(0)
    return (
        np.where(known, np.nanmedian(np.where(known, values, 0.0), axis=0), 0.0)
        if len(values)
        else (np.zeros(values.shape[1]))
    )


def _profile(clean: FloatArray, times: FloatArray) -> FloatArray:
    """Return the median of each part of the day, over all days; NaN where it was seen on too few."""
    part = (times % _DAY_S / (_DAY_S / PARTS)).astype(np.intp)
    day = (times // _DAY_S).astype(np.int64)
    profile = np.full((PARTS, clean.shape[1]), np.nan)
    for number in range(PARTS):
        inside = part == number
        if len(np.unique(day[inside])) >= _KNOWN_DAYS:
            profile[number] = _median(clean[inside])
    return profile


def _expected(profile: FloatArray, times: FloatArray) -> FloatArray:
    """Return the profile at each time, between the middles of two parts."""
    place = times % _DAY_S / (_DAY_S / PARTS) - 0.5
    first = np.floor(place).astype(np.intp)
    share = (place - first)[:, None]
    return (1 - share) * profile[first % PARTS] + share * profile[(first + 1) % PARTS]


def _ratios(clean: FloatArray, pairs: IntArray, scale: FloatArray) -> FloatArray:
    """Return the logarithm of each pair's ratio; a floor under both sides keeps idle times quiet."""
    floor = _OWN_FLOOR * scale
    upper, lower = pairs[:, 0], pairs[:, 1]
    return np.log((np.abs(clean[:, upper]) + floor[upper]) / (np.abs(clean[:, lower]) + floor[lower]))


def _clock(times: FloatArray) -> FloatArray:
    angle = 2 * np.pi * times / _DAY_S
    return np.column_stack([np.sin(angle), np.cos(angle)])
