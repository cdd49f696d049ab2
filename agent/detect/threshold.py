"""Scores in, when an alarm is on out: from the past alone, no oracle.

An alarm goes by what is gathered over a quarter of an hour at most and halved after twice that: it is on from
a rise above the threshold until that is well below it.

Three things set the threshold, and the largest counts. A little more than what is rare by the members' own
scales, so that quiet times raise no alarm. A budget: the level that the past days rose above as often as
people can be called, and oftener where the middle of the scores says that so many are not chance; a fault
that lasts rises once, so it does not become normal. And twice the median of two days: what has lasted for
one is the new normal, as it is for the agent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.detect.causal import Schedule
from agent.records import BoolArray, FloatArray

_RARE = 1.1  # a score of 1 is what the worst moments of healthy days reach
_OVER_NEW_NORMAL = 2.0
_NEW_NORMAL_DAYS = 2  # half of them must be as strange
_PARTS = 24  # of a day: rises within one of them are one alarm
_CLOSE = 0.7  # of the threshold: hysteresis, or a score on the edge would flap
_FIRST_ROWS = 100
_MIDDLE = 0.3, 0.75  # quantiles of the parts' highest scores: faults seldom reach a quarter of the hours


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRule:
    """How often an entity may be told of.

    ``per_day`` alarms were allowed over the past ``days``, true ones among them, which mostly come together;
    more only where chance would bring at most ``by_chance`` a day.
    """

    per_day: float
    days: float
    by_chance: float = 0.0


# what an operator can be asked to bear in a week; ``make bench-alarms FIT=1`` compares other budgets on
# simulated entities
ALARMS = AlarmRule(per_day=0.6, days=7, by_chance=0.15)
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
        usual = float(np.median(recent[-_NEW_NORMAL_DAYS * schedule.day :]))
        result[begin : begin + step] = max(
            _RARE, _OVER_NEW_NORMAL * usual, _budget(recent, schedule.day, rule)
        )
    return result


def above(score: FloatArray, threshold: FloatArray) -> BoolArray:
    """Return where an alarm is on: from a rise above the threshold until the score is well below it."""
    rows = np.arange(len(score))
    opened = np.maximum.accumulate(np.where(score > threshold, rows, -1))
    closed = np.maximum.accumulate(np.where(score > _CLOSE * threshold, -1, rows))
    result: BoolArray = opened > closed
    return result


def _budget(recent: FloatArray, day: int, rule: AlarmRule) -> float:
    """Return the lowest level that ``recent`` rose above no more often than the budget allows."""
    width = max(day // _PARTS, 1)
    whole = len(recent) // width * width
    if not whole:
        return float(recent.max(initial=0.0))
    parts = recent[len(recent) - whole :].reshape(-1, width)
    highest, lowest = parts.max(1), parts.min(1)
    days = len(recent) / day
    allowed = max(round(rule.per_day * days), 1)
    levels = np.unique(highest)[::-1]
    unlikely = _by_chance(highest, levels) <= rule.by_chance * days
    for level, is_unlikely in zip(levels.tolist(), unlikely.tolist(), strict=True):
        if level < _RARE:
            break
        if not is_unlikely and _rises(highest >= level, lowest < _CLOSE * level) > allowed:
            return float(level)
    return 0.0


def _by_chance(highest: FloatArray, levels: FloatArray) -> FloatArray:
    """Return how many parts chance would bring above each level: the tail that their middle lets expect.

    It is taken to be exponential, as the excess over a high level is for most distributions (Pickands 1975).
    """
    low, high = _MIDDLE
    begin, end = np.quantile(highest, _MIDDLE)
    scale = max(float(end - begin), 0.02 * float(begin), 1e-3) / np.log((1 - low) / (1 - high))
    share = (1 - low) * np.exp(np.minimum((begin - levels) / scale, 0.0))
    return np.asarray(len(highest) * share, np.float64)


def _rises(is_above: BoolArray, is_low: BoolArray) -> int:
    count, armed = 0, True
    for high, low in zip(is_above.tolist(), is_low.tolist(), strict=True):
        if high and armed:
            count, armed = count + 1, False
        elif low and not high:
            armed = True
    return count
