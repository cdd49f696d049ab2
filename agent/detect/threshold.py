"""Scores in, the score from which on a row is called anomalous out: from the past alone, no oracle.

Three things set it, and the largest counts. A little more than what is rare by the members' own scales, so
that quiet times raise no alarm. A budget of alarms: the level that the past days rose above as often as
people can be called, whatever the tail of the scores is; a fault that lasts rises once, so it does not become
normal. And half as much again as the last day's median: what has lasted for half a day is the new normal.

An alarm ends when its score has faded, measured by its peak: what is held fades slowly, and a great fault
would be told of for hours after its end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.detect.causal import Schedule
from agent.records import BoolArray, FloatArray

_RARE = 1.1  # a score of 1 is what the worst moments of healthy days reach
_OVER_NEW_NORMAL = 1.5
_PARTS = 24  # of a day: rises within one of them are one alarm
_ARMED_AGAIN = 0.5  # of the level: a score must fall so far before its next rise is an alarm of its own
_CLOSE = 0.7  # of the threshold: hysteresis, or a score on the edge would flap
_RISEN_AGAIN = 1.5  # times the lowest score since an alarm was over: something new above the threshold
_FIRST_ROWS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRule:
    """How often an entity may be told of, and when what was told is over.

    ``per_day`` alarms were allowed over the past ``days``; those that are true count too, and mostly come
    together. An alarm whose score fell to ``faded`` of its peak is over.
    """

    per_day: float
    days: float
    faded: float


# chosen on simulated entities (``make bench-alarms FIT=1``). For one series F1 hardly rises beyond the budget
# that is asked for, one a day; of several none of the simulated was told of in vain oftener than once a day
ONE_SERIES = AlarmRule(per_day=1.0, days=28, faded=0.15)
SEVERAL_SERIES = AlarmRule(per_day=0.5, days=3, faded=0.5)


def alarm_rule(series: int) -> AlarmRule:
    """Return the rule for a score of so many series: that of several is held long after each peak."""
    return ONE_SERIES if series == 1 else SEVERAL_SERIES


def thresholds(score: FloatArray, start: int, schedule: Schedule, rule: AlarmRule) -> FloatArray:
    """Return a threshold for each row; infinite until there are enough scores, which begin at ``start``."""
    result = np.full(len(score), np.inf)
    step = max(schedule.day // 4, 1)
    first = start + max(min(schedule.day, _FIRST_ROWS), 20)
    for begin in range(first, len(score), step):
        # the first day's scores tell how little was known then
        settled = start + schedule.day if begin - start > 2 * schedule.day else start
        recent = score[max(settled, begin - round(rule.days * schedule.day)) : begin]
        usual = float(np.median(recent[-schedule.day :]))
        result[begin : begin + step] = max(
            _RARE, _OVER_NEW_NORMAL * usual, _budget(recent, schedule.day, rule.per_day)
        )
    return result


def above(score: FloatArray, threshold: FloatArray, rule: AlarmRule) -> BoolArray:
    """Return where an alarm is on: from a rise above the threshold until the score has faded.

    That is when it is well below the threshold, or far below its peak; from there on it must rise again.
    """
    rows = np.arange(len(score))
    opened = np.maximum.accumulate(np.where(score > threshold, rows, -1))
    closed = np.maximum.accumulate(np.where(score > _CLOSE * threshold, -1, rows))
    result: BoolArray = opened > closed
    edges = np.flatnonzero(np.diff(np.concatenate([[False], result, [False]]).astype(np.int8)))
    for begin, end in edges.reshape(-1, 2):
        alarm = slice(begin, end)
        result[alarm] = _until_faded(score[alarm], threshold[alarm], rule.faded)
    return result


def _until_faded(score: FloatArray, threshold: FloatArray, faded: float) -> list[bool]:
    result = []
    on, peak, lowest = True, 0.0, np.inf
    for now, limit in zip(score.tolist(), threshold.tolist(), strict=True):
        if on:
            peak = max(peak, now)
            on, lowest = now >= faded * peak, now
        else:
            lowest = min(lowest, now)
            on = now > limit and now > _RISEN_AGAIN * lowest
            peak = now
        result.append(on)
    return result


def _budget(recent: FloatArray, day: int, per_day: float) -> float:
    """Return the lowest level that ``recent`` rose above no more often than the budget allows."""
    width = max(day // _PARTS, 1)
    whole = len(recent) // width * width
    if not whole:
        return float(recent.max(initial=0.0))
    parts = recent[len(recent) - whole :].reshape(-1, width)
    highest, lowest = parts.max(1), parts.min(1)
    allowed = max(round(per_day * len(recent) / day), 1)
    best = float(highest.max())
    for level in np.unique(highest)[::-1].tolist():
        if level < _RARE or _rises(highest >= level, lowest < _ARMED_AGAIN * level) > allowed:
            break
        best = level
    return best


def _rises(is_above: BoolArray, is_low: BoolArray) -> int:
    count, armed = 0, True
    for high, low in zip(is_above.tolist(), is_low.tolist(), strict=True):
        if high and armed:
            count, armed = count + 1, False
        elif low and not high:
            armed = True
    return count
