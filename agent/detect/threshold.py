"""Scores in, the score from which on a row is called anomalous out: from the past alone, no oracle.

Two things set it, the larger one counts. A little more than what is rare by the members' own scales, so that
quiet times raise no alarm. And a budget of alarms: the level that the past days crossed as often as people
can be called, whatever the tail of the scores is and whatever the present has become used to.
"""

from __future__ import annotations

import numpy as np

from agent.detect.causal import Schedule
from agent.records import FloatArray

_RARE = 1.1  # a score of 1 is what the worst moments of healthy days reach
_ALARMS_PER_DAY = 2.0  # the budget; those that are true count too, and mostly come together
_BUDGET_DAYS = 3
_PEAKS_PER_DAY = 24  # crossings within one of these parts of a day are one alarm
_FIRST_ROWS = 100


def thresholds(score: FloatArray, start: int, schedule: Schedule) -> FloatArray:
    """Return a threshold for each row; infinite until there are enough scores, which begin at ``start``."""
    result = np.full(len(score), np.inf)
    step = max(schedule.day // 4, 1)
    first = start + max(min(schedule.day, _FIRST_ROWS), 20)
    for begin in range(first, len(score), step):
        # the first day's scores tell how little was known then
        settled = start + schedule.day if begin - start > 2 * schedule.day else start
        recent = score[max(settled, begin - _BUDGET_DAYS * schedule.day) : begin]
        result[begin : begin + step] = max(_RARE, _budget(recent, schedule.day))
    return result


def _budget(recent: FloatArray, day: int) -> float:
    """Return the level that the peaks of ``recent`` cross ``_ALARMS_PER_DAY`` times a day."""
    width = max(day // _PEAKS_PER_DAY, 1)
    whole = len(recent) // width * width
    if not whole:
        return float(recent.max(initial=0.0))
    peaks = np.sort(recent[len(recent) - whole :].reshape(-1, width).max(1))[::-1]
    count = max(round(_ALARMS_PER_DAY * len(recent) / day), 1)
    return float(peaks[min(count, len(peaks) - 1)])
