"""Series, a healthy time and log lines in, the column at which an incident began out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agent.diagnose.cause.comparison import NOTABLE, compare
from agent.diagnose.cause.logshapes import LogShapes
from agent.diagnose.cause.surprise import CAP
from agent.diagnose.cause.surprise import NOTABLE as NOTABLE_DIGITS
from agent.meaning import MetricRole
from agent.records.evidence import Observations
from agent.records.metrics import BoolArray, FloatArray, IntArray

_OF_PEAK = 0.2  # a symptom begins where it first reaches this share of its worst
_COARSE = 20  # columns; with fewer, log lines place the beginning better than samples do
_VOICES = 3  # entities whose surprise is added up: more of them are effects, and come later
_LATE = 5.0  # samples before the detection that cost as much as one digit of surprise


def find_beginning(
    observed: Observations,
    before: FloatArray,
    values: FloatArray,
    roles: Sequence[MetricRole],
    logs: LogShapes,
) -> int:
    """Return where the alert's own series begins to deviate, else where most begins to surprise."""
    rows = symptom_rows(observed)
    if rows:
        own = [roles[row] for row in rows]
        z = compare(before[rows], values[rows][:, :0], values[rows], own).z
        z[z < _OF_PEAK * z.max(axis=1, keepdims=True, initial=0.0)] = 0.0
        onset = first_sustained(z, 0)
        onset = onset[onset >= 0]
        if onset.size:
            return int(onset.min())
        # the alert says that it is bad, the baseline that it was as bad before: go by the course alone
        courses = values[rows][(np.isfinite(values[rows]).sum(axis=1) > 1)]
        if courses.size:
            middle = (np.nanmin(courses, axis=1) + np.nanmax(courses, axis=1)) / 2
            return int(np.argmax(courses >= middle[:, None], axis=1).min())
    digits = compare(before, values[:, :0], values, roles).digits
    return _first_surprising(observed, digits, logs)


def _first_surprising(observed: Observations, digits: FloatArray, logs: LogShapes) -> int:
    """Return the column from which on a few entities surprise most beyond what they did before."""
    table = observed.table
    length: int = digits.shape[1]
    if not digits.size or length < 2:
        return 0
    gains = _gains(np.maximum(digits - NOTABLE_DIGITS, 0.0), table.entities)
    if table.clocked and length < _COARSE:
        gains = np.vstack([gains, _log_gains(logs, table.times)])
    score = -np.sort(-gains, axis=0)[:_VOICES].sum(axis=0)
    if observed.detected_at is not None and table.clocked:
        step = float(np.median(np.diff(table.times)))
        early = (observed.detected_at.timestamp() - table.times) / step
        score = np.where(early < -1, -np.inf, score - np.maximum(early, 0.0) / _LATE)
    return int(np.argmax(score))


def _gains(told: FloatArray, entities: Sequence[str]) -> FloatArray:
    """Return, by entity and column, how much more its series say from there on than before."""
    count: int = told.shape[1]
    columns = np.arange(count)
    earlier = np.cumsum(told, axis=1) - told
    late = (told.sum(axis=1, keepdims=True) - earlier) / (count - columns)
    gain = (late - earlier / np.maximum(columns, 1)) * np.minimum(1.0, (count - columns) / 2)
    _, owner = np.unique(np.array(entities), return_inverse=True)
    order = np.argsort(owner, kind="stable")
    begins = np.flatnonzero(np.diff(owner[order], prepend=-1))
    best: FloatArray = np.maximum.reduceat(gain[order], begins, axis=0)
    return best


def _log_gains(logs: LogShapes, times: FloatArray) -> FloatArray:
    """Return, by entity and column, the most that its lines surprise from about there on."""
    step = float(np.median(np.diff(times)))
    nearby = (-step / 2, 0.0, step / 2)
    by_entity: dict[str, FloatArray] = {}
    for shape in logs.shapes:
        if not shape.ordinary:
            told = np.array([max(logs.count(shape, at + off).digits for off in nearby) for at in times])
            mine = min(1.0, shape.weight) * np.minimum(told, CAP)
            by_entity[shape.entity] = np.maximum(by_entity.get(shape.entity, 0.0), mine)
    return np.array(list(by_entity.values())).reshape(-1, len(times))


def symptom_rows(observed: Observations) -> list[int]:
    """Return the rows of the series that the alert was about."""
    hint = observed.symptom
    if hint is None:
        return []
    rows = [row for row, entity in enumerate(observed.table.entities) if entity == hint.entity]
    exact = [row for row in rows if observed.table.names[row] == hint.metric]
    return exact or rows


def last_possible(observed: Observations) -> int:
    """Return the last column at which the incident can have begun: it was detected no earlier."""
    times = observed.table.times
    if observed.detected_at is None or not observed.table.clocked or len(times) < 2:
        return len(times) - 1
    step = float(np.median(np.diff(times)))
    slack = max(2 * step, 120.0)  # clocks of different sources differ
    return int(np.searchsorted(times, observed.detected_at.timestamp() + slack, side="right")) - 1


def first_sustained(z: FloatArray, start: int, level: float = NOTABLE) -> IntArray:
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
