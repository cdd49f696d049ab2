"""Scores in, when an alarm is on out: from the past alone, no oracle.

An alarm goes by what is gathered over a quarter of an hour at most and halved after twice that: it is on from
a rise above the threshold until that is well below it.

Three things set the threshold, and the largest counts. A little more than what is rare by the members' own
scales, so that quiet times raise no alarm. A budget of alarms: the level that the past days rose above as
often as people can be called, whatever the tail of the scores is; a fault that lasts rises once, so it does
not become normal. And half as much again as the last day's median: what has lasted for half a day is the new
normal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.detect.causal import Schedule
from agent.records import BoolArray, FloatArray

_RARE = 1.1  # a score of 1 is what the worst moments of healthy days reach
_OVER_NEW_NORMAL = 1.5
_PARTS = 24  # of a day: rises within one of them are one alarm
_CLOSE = 0.7  # of the threshold: hysteresis, or a score on the edge would flap
_FIRST_ROWS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRule:
    """How often an entity may be told of.

    ``per_day`` alarms were allowed over the past ``days``; those that are true count too, and mostly come
    together.
    """

    per_day: float
    days: float


# what an operator can be asked to bear, over all that models remember; ``make bench-alarms FIT=1`` compares
# other budgets on simulated entities
ALARMS = AlarmRule(per_day=1.0, days=28)
# among many series of a real system there is always one that rests for longer than it ever did
STILLNESS = AlarmRule(per_day=1 / 7, days=28)


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


def above(score: FloatArray, threshold: FloatArray) -> BoolArray:
    """Return where an alarm is on: from a rise above the threshold until the score is well below it."""
    rows = np.arange(len(score))
    opened = np.maximum.accumulate(np.where(score > threshold, rows, -1))
    closed = np.maximum.accumulate(np.where(score > _CLOSE * threshold, -1, rows))
    result: BoolArray = opened > closed
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
        if level < _RARE or _rises(highest >= level, lowest < _CLOSE * level) > allowed:
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
