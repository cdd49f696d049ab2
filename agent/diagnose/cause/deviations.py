"""Series of an incident and of a healthy time in, how far and since when each one deviates out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent.diagnose.cause.beginning import find_beginning, first_sustained, last_possible, symptom_rows
from agent.diagnose.cause.comparison import CAP, NOTABLE, compare, severity_of_deviations
from agent.diagnose.cause.logshapes import LogShapes
from agent.diagnose.cause.onset import FEWEST_BEFORE, find_onset
from agent.diagnose.cause.summaries import find_pairs, with_means
from agent.diagnose.cause.surprise import NOTABLE as NOTABLE_DIGITS
from agent.diagnose.cause.surprise import SLIGHT, severity_of, sustained
from agent.meaning import MetricRole, as_counted, bad_direction, counting_rows, is_share, meaning_of
from agent.records.evidence import Observations, SeriesTable
from agent.records.metrics import BoolArray, FloatArray, IntArray

# without a baseline, what comes shortly before the incident may be its slow beginning
_SURELY_HEALTHY, _LONG = 0.7, 10
# full is full, by however small a step it got there: a share of a resource, and its usual room
_FULL, _ROOM, _MOST_SHARE, _EXHAUSTED = 0.97, 0.9, 1.02, 0.9
SLIGHT_Z = 1.0  # robust standard deviations from which on a slight deviation is looked at
_LARGEST = 1e100


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


def measure_deviations(
    observed: Observations, slight: bool = False, logs: LogShapes | None = None
) -> Deviations:
    """Compare the incident with its baseline, or else with the rows before it began.

    What surprises no more than one healthy row in twenty does has no severity; with ``slight`` one in six.
    """
    table = observed.table
    roles, low = read_roles(table)
    pairs = find_pairs(table)
    raw = _tame(_aligned_baseline(observed, len(table.names)))
    counting = counting_rows(table.names, np.hstack([raw, _tame(table.values)]), table.metadata)

    def measured(raw: FloatArray) -> FloatArray:
        return with_means(as_counted(_tame(raw), counting), pairs)

    series = measured(table.values)
    values = _as_badness(series, roles, low)
    notes: list[str] = []
    healthy = 0
    before = _as_badness(measured(raw), roles, low) if raw.size else raw
    if before.shape[1] < FEWEST_BEFORE:
        if observed.baseline is not None:
            notes.append("the baseline is empty; the time before the incident is taken for normal")
        start = find_onset(values, last_possible(observed))
        healthy = start if start < _LONG else round(start * _SURELY_HEALTHY)
        before, early = values[:, :healthy], values[:, :0]
    else:
        start = find_beginning(observed, before, values, roles, logs or LogShapes([]))
        early = values[:, :start]
    if before.shape[1] < FEWEST_BEFORE:
        notes.append("nothing is known of a healthy time; what deviates is judged by its own middle")
        before, start = values, 0
    found = compare(before, early, values, roles)
    excess, z, direction, level = found.excess, found.z, found.direction, found.level
    severity = severity_of(sustained(found.digits[:, start:]), SLIGHT if slight else NOTABLE_DIGITS)
    for row in _alerted_rows(observed, roles) if early.shape[1] else ():
        # an alert is believed also where the baseline was worse: what counts is the time just before
        away = np.nan_to_num(np.maximum(values[row] - np.nanmedian(early[row]), 0.0))
        excess[row], z[row], direction[row] = away, np.minimum(away / max(found.scale[row], 1e-12), CAP), 1
        severity[row] = max(severity[row], *severity_of_deviations(z[row : row + 1, start:]))
    full = _at_limit(table, values, roles, low, level, start)
    severity[full] = np.maximum(severity[full], _EXHAUSTED)
    onset = first_sustained(z, healthy, SLIGHT_Z if slight else NOTABLE)
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
        scale=found.scale,
        full=full,
        start=start,
        notes=tuple(notes),
    )


def read_roles(table: SeriesTable) -> tuple[list[MetricRole], BoolArray]:
    """Return what each series measures, and of which it is the low values that are bad."""
    meanings = table.meanings or [
        meaning_of(*pair, table.metadata) for pair in zip(table.names, table.labels, strict=True)
    ]
    known = [(MetricRole(one.role), one.bad == "low") for one in meanings]
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
