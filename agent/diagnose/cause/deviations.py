"""Series of an incident and of a healthy time in, how far and since when each one deviates out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent.diagnose.cause.counters import as_rates
from agent.diagnose.cause.onset import FEWEST_BEFORE, find_onset
from agent.diagnose.cause.roles import (
    MetricRole,
    bad_direction,
    is_room,
    is_share,
    role_of_series,
)
from agent.diagnose.cause.summaries import find_pairs, with_means
from agent.records.evidence import Observations, SeriesTable
from agent.records.metrics import BoolArray, FloatArray, IntArray

NOTABLE = 3.0  # robust standard deviations; below it a change is called noise
_CAP = 1000.0  # beyond it more says nothing more
# a change by less than 3 x 5 % of its level is nothing to an operator, however steady the series was
_RELATIVE_FLOOR = 0.05
# a share of bad answers under 0.2 % is within what clients retry; in percent and in 0..1
_UNAVAILABLE_FLOOR = 0.0007
# without a baseline, what comes shortly before the incident may be its slow beginning
_SURELY_HEALTHY, _LONG = 0.7, 10
# full is full, by however small a step it got there: a share of a resource, and its usual room
_FULL, _ROOM, _MOST_SHARE, _EXHAUSTED = 0.97, 0.9, 1.02, 0.9
_OF_PEAK = 0.2  # a symptom begins where it first reaches this share of its worst
_LARGEST = 1e100
_CONSTANT_Z = 20.0  # what leaves a constant by its own largest step counts as so many deviations


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Deviations:
    """How the series of a table deviate, all arrays with one row per series.

    ``excess`` is series x time in the series' own unit, 0 where nothing bad happens; ``z`` the same
    in robust standard deviations. ``severity`` lies in 0..1; ``direction`` is 1 for a rise, -1 for a
    fall. ``onset`` is the column from which on a series deviates, -1 for never. ``level`` is what is
    normal, in the unit of ``series``: the table's values, of counters their increase per row, of summaries
    their means. ``less_is_bad`` says of which series it is the low values that are bad; ``full`` which are
    shares of something that is used up. ``start`` is the column at which the incident began.
    """

    table: SeriesTable
    series: FloatArray
    roles: Sequence[MetricRole]
    less_is_bad: BoolArray
    excess: FloatArray
    z: FloatArray
    severity: FloatArray
    direction: IntArray
    onset: IntArray
    level: FloatArray
    scale: FloatArray
    full: BoolArray
    start: int
    notes: Sequence[str] = ()

    def usual(self, row: int) -> float:
        """Return a series' normal level in the unit of its source."""
        if self.roles[row] is MetricRole.AVAILABILITY:
            return _top_of(self.series[row]) - float(self.level[row])
        return -float(self.level[row]) if self.less_is_bad[row] else float(self.level[row])


def _top_of(values: FloatArray) -> float:
    """Return what a wholly available series shows: 1, or 100 when it is in percent."""
    top = np.nanmax(values) if not np.isnan(values).all() else 1.0
    return 100.0 if top > 1.5 else 1.0


def measure_deviations(observed: Observations, notable: float = NOTABLE) -> Deviations:
    """Compare the incident with its baseline, or else with the rows before it began.

    What deviates by less than half of ``notable`` in its worst rows has no severity.
    """
    table = observed.table
    roles, low = read_roles(table)
    pairs = find_pairs(table)
    paired = [row for pair in pairs for row in pair]

    def measured(raw: FloatArray) -> FloatArray:
        return with_means(as_rates(_tame(raw), table.names, paired), pairs)

    series = measured(table.values)
    values = _as_badness(series, roles, low)
    notes: list[str] = []
    healthy = 0
    before = _aligned_baseline(observed, values.shape[0])
    before = _as_badness(measured(before), roles, low) if before.size else before
    if before.shape[1] < FEWEST_BEFORE:
        if observed.baseline is not None:
            notes.append("the baseline is empty; the time before the incident is taken for normal")
        start = find_onset(values, _last_possible(observed))
        healthy = start if start < _LONG else round(start * _SURELY_HEALTHY)
        before, early = values[:, :healthy], values[:, :0]
    else:
        start = _onset_with_baseline(observed, before, values, roles)
        early = values[:, :start]
    if before.shape[1] < FEWEST_BEFORE:
        notes.append("nothing is known of a healthy time; what deviates is judged by its own middle")
        before, start = values, 0
    excess, z, direction, level, scale = _compare(before, early, values, roles)
    for row in _alerted_rows(observed, roles) if early.shape[1] else ():
        # an alert is believed also where the baseline was worse: what counts is the time just before
        away = np.nan_to_num(np.maximum(values[row] - np.nanmedian(early[row]), 0.0))
        excess[row], z[row], direction[row] = away, np.minimum(away / max(scale[row], 1e-12), _CAP), 1
    active = z[:, start:]
    severity = _severity(active, notable)
    full = _at_limit(table, values, roles, low, level, start)
    severity[full] = np.maximum(severity[full], _EXHAUSTED)
    onset = _first_sustained(z, healthy, notable)
    return Deviations(
        table=table,
        series=series,
        roles=roles,
        less_is_bad=low,
        excess=excess,
        z=z,
        severity=severity,
        direction=direction,
        onset=onset,
        level=level,
        scale=scale,
        full=full,
        start=start,
        notes=tuple(notes),
    )


def read_roles(table: SeriesTable) -> tuple[list[MetricRole], BoolArray]:
    """Return what each series measures, and of which it is the low values that are bad."""
    if not table.meanings:
        roles = [role_of_series(*pair) for pair in zip(table.names, table.labels, strict=True)]
        room = [
            role is MetricRole.SATURATION and is_room(name)
            for role, name in zip(roles, table.names, strict=True)
        ]
        return roles, np.array(room, dtype=bool)
    known = [(MetricRole(one.role), one.bad == "low") for one in table.meanings]
    # an availability of which more is bad ("has failed") says the same as an error
    meant = [
        MetricRole.ERRORS if role is MetricRole.AVAILABILITY and not low else role for role, low in known
    ]
    less = [low and role is not MetricRole.AVAILABILITY for role, low in known]
    return meant, np.array(less, dtype=bool)


def _tame(values: FloatArray) -> FloatArray:
    """Keep numbers so small that their squares and differences are numbers too."""
    tamed: FloatArray = np.clip(values, -_LARGEST, _LARGEST)
    return tamed


def _last_possible(observed: Observations) -> int:
    """Return the last column at which the incident can have begun: it was detected no earlier."""
    times = observed.table.times
    if observed.detected_at is None or not observed.table.clocked or len(times) < 2:
        return len(times) - 1
    step = float(np.median(np.diff(times)))
    slack = max(2 * step, 120.0)  # clocks of different sources differ
    return int(np.searchsorted(times, observed.detected_at.timestamp() + slack, side="right")) - 1


def _aligned_baseline(observed: Observations, count: int) -> FloatArray:
    """Return the baseline's rows in the order of the table's; NaN for series it does not know."""
    baseline = observed.baseline
    if baseline is None or not baseline.values.size:
        return np.empty((count, 0))
    known = {_key(baseline, row): row for row in range(len(baseline.names))}
    rows = [known.get(_key(observed.table, row), -1) for row in range(count)]
    aligned = baseline.values[rows]
    aligned[np.array(rows) < 0] = np.nan
    return aligned


def _key(table: SeriesTable, row: int) -> tuple[str, tuple[tuple[str, str], ...]]:
    return table.names[row], tuple(sorted(table.labels[row].items()))


def _as_badness(values: FloatArray, roles: Sequence[MetricRole], low: BoolArray) -> FloatArray:
    """Return availability as its complement, so that more is worse for it as for everything else."""
    turned = values.copy()
    turned[low] = -turned[low]
    for row, role in enumerate(roles):
        if role is MetricRole.AVAILABILITY:
            turned[row] = _top_of(values[row]) - values[row]
    return turned


def _onset_with_baseline(
    observed: Observations, before: FloatArray, values: FloatArray, roles: Sequence[MetricRole]
) -> int:
    rows = symptom_rows(observed)
    if rows:
        own = [roles[row] for row in rows]
        _, z, *_ = _compare(before[rows], values[rows][:, :0], values[rows], own)
        z[z < _OF_PEAK * z.max(axis=1, keepdims=True, initial=0.0)] = 0.0
        onset = _first_sustained(z, 0)
        onset = onset[onset >= 0]
        if onset.size:
            return int(onset.min())
        # the alert says that it is bad, the baseline that it was as bad before: go by the course alone
        courses = values[rows][(np.isfinite(values[rows]).sum(axis=1) > 1)]
        if courses.size:
            middle = (np.nanmin(courses, axis=1) + np.nanmax(courses, axis=1)) / 2
            return int(np.argmax(courses >= middle[:, None], axis=1).min())
    both = np.hstack([before, values])
    shift: int = before.shape[1]
    return max(0, find_onset(both, shift + _last_possible(observed)) - shift)


def symptom_rows(observed: Observations) -> list[int]:
    """Return the rows of the series that the alert was about."""
    hint = observed.symptom
    if hint is None:
        return []
    rows = [row for row, entity in enumerate(observed.table.entities) if entity == hint.entity]
    exact = [row for row in rows if observed.table.names[row] == hint.metric]
    return exact or rows


def _at_limit(
    table: SeriesTable,
    values: FloatArray,
    roles: Sequence[MetricRole],
    low: BoolArray,
    level: FloatArray,
    start: int,
) -> BoolArray:
    """Return which series are shares of something that has been used up since the incident began."""
    used_up = np.zeros(len(roles), dtype=bool)
    for row, role in enumerate(roles):
        if role is MetricRole.SATURATION and is_share(table.names[row]):
            top = np.nanmax(np.abs(values[row]), initial=0.0)
            limit = 1.0 if top <= _MOST_SHARE else 100.0
            room = limit if low[row] else 0.0  # what is left is counted downwards from the whole
            full = np.nan_to_num(values[row, start:], nan=-room) + room >= _FULL * limit
            usual = level[row] + room
            used_up[row] = top <= _MOST_SHARE * limit and usual < _ROOM * limit and full.mean() > 0.25
    return used_up


def _alerted_rows(observed: Observations, roles: Sequence[MetricRole]) -> list[int]:
    """Return the rows of the very series that the alert names, where more is surely worse."""
    if observed.symptom is None or not observed.symptom.metric:
        return []
    names = observed.table.names
    rows = [row for row in symptom_rows(observed) if names[row] == observed.symptom.metric]
    finite = [row for row in rows if np.isfinite(observed.table.values[row]).any()]
    return [row for row in finite if bad_direction(roles[row])]


def _compare(
    before: FloatArray, early: FloatArray, values: FloatArray, roles: Sequence[MetricRole]
) -> tuple[FloatArray, FloatArray, IntArray, FloatArray, FloatArray]:
    """Return excess, z, direction, level and scale of each series.

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
    falls = (wanted == 0) & (_severity(z_fall) > _severity(z_rise))
    excess = np.where(falls[:, None], fall, rise)
    z = np.where(falls[:, None], z_fall, z_rise)
    excess[~known], z[~known] = 0.0, 0.0
    scale = np.maximum.reduce([tail[0], np.where(falls, tail[1], tail[2]), floor])
    return excess, z, np.where(falls, -1, 1), level, scale


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
    z = np.minimum(z, _CAP)
    excess[z < 1.0] = 0.0
    return excess, z


def _severity(z: FloatArray, notable: float = NOTABLE) -> FloatArray:
    """Return 0..1: the mean of the worst half of the rows, on a scale where each doubling counts alike."""
    if not z.shape[1]:
        return np.zeros(z.shape[0])
    most = max(1, z.shape[1] // 2) if z.shape[1] < 20 else z.shape[1] // 4
    worst = np.partition(z, z.shape[1] - most, axis=1)[:, -most:].mean(axis=1)
    severity: FloatArray = np.where(worst >= notable / 2, np.log1p(worst) / np.log1p(_CAP), 0.0)
    return severity


def _first_sustained(z: FloatArray, start: int, level: float = NOTABLE) -> IntArray:
    """Return the first column from ``start`` on at which a series becomes notable, -1 for never."""
    if not z.shape[1]:
        return np.full(z.shape[0], -1)
    notable: BoolArray = z >= level
    if z.shape[1] >= 6:
        # one wild sample is no onset: the next one or the one after it must be notable as well
        following = np.zeros_like(notable)
        following[:, :-1] |= notable[:, 1:]
        following[:, :-2] |= notable[:, 2:]
        following[:, -1] = True
        notable = notable & following
    notable[:, :start] = False
    first = np.argmax(notable, axis=1)
    return np.where(notable.any(axis=1), first, -1)
