"""A condition and the samples of some series in; of each whether it is met, unmet, or cannot be told out.

A sample counts once, however often it is polled. What lies between two samples, or between two looks, says
nothing: it interrupts no time for which a condition has held, and adds nothing to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from agent.config.conditions import Before, Bound, SignalCondition
from agent.records import BoolArray, FloatArray, Frame, IntArray

_EVIDENCE_SHARE = 0.5  # of the looks in a span that must have shown something


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """How rows stand to a condition: where it is met and since when, where not; else it cannot be told."""

    met: BoolArray
    unmet: BoolArray
    since: FloatArray

    @property
    def untold(self) -> BoolArray:
        """Return the rows of which nobody can tell."""
        return ~(self.met | self.unmet)


def standing_beyond(frame: Frame, rows: IntArray, condition: SignalCondition) -> Standing:
    """Return how rows stand to a bound, for as long as the condition asks, and to what it says they were."""
    values = frame.values[rows]
    now = _beyond_now(frame, rows, condition)
    lasted = _lasted(frame, beyond(values, condition), frame.samples(rows), condition.for_)
    met = now.met & lasted.met & _seen(frame, ~np.isnan(values), condition.for_)
    unmet = now.unmet | lasted.unmet
    if condition.was is not None:
        was = _was(frame, values, condition.was)
        met, unmet = met & was.met, unmet | was.unmet
    return Standing(met, unmet, lasted.since)


def standing_absent(frame: Frame, rows: IntArray, condition: SignalCondition) -> Standing:
    """Return which rows have no sample any more, for as long as the condition asks.

    A time at which the signal was not answered in whole says nothing of what is missing.
    """
    there = ~np.isnan(frame.values[rows])
    looked = np.broadcast_to(frame.was_whole(condition.signal), there.shape)
    missing = ~there[:, -1] & there.any(axis=1)
    untold = np.isin(rows, frame.untold(condition.signal))
    lasted = _lasted(frame, looked & ~there, looked | there, condition.for_)
    met = missing & ~untold & lasted.met & _seen(frame, looked, condition.for_)
    return Standing(met, ~untold & (~missing | lasted.unmet), lasted.since)


def _beyond_now(frame: Frame, rows: IntArray, condition: SignalCondition) -> Standing:
    latest = frame.latest[rows]
    met = beyond(latest, condition)
    # a series that was seen a while ago may be anything now; one that has no past is not there
    known = ~np.isnan(latest) | np.isnan(frame.values[rows]).all(axis=1)
    known &= ~np.isin(rows, frame.untold(condition.signal))
    return Standing(met, known & ~met, np.full(len(rows), frame.times[-1]))


def _lasted(frame: Frame, meets: BoolArray, looked: BoolArray, span: timedelta | None) -> Standing:
    """Return for which rows what they meet now has been met for a span, by two looks at least.

    ``meets`` and ``looked`` are rows x times: what was met, and whether there was a look of its own then.
    """
    times, columns = frame.times, np.arange(meets.shape[1])
    last_against = np.where(looked & ~meets, columns, -1).max(axis=1)
    run = looked & meets & (columns > last_against[:, None])
    first, newest = run.argmax(axis=1), np.where(run, columns, 0).max(axis=1)
    since: FloatArray = times[first]
    if not span:
        always = np.ones(len(meets), bool)
        return Standing(always, ~always, since)
    span_s, lasted_s = span.total_seconds(), times[newest] - since
    # looks never fall exactly on the start of the span: half of what lies between two is forgiven
    grace = lasted_s / np.maximum(run.sum(axis=1) - 1, 1) / 2
    met = (newest > first) & (lasted_s >= span_s - grace)
    unmet = (last_against >= 0) & (times[-1] - times[last_against] < span_s)
    return Standing(met, unmet & ~met, since)


def _seen(frame: Frame, there: BoolArray, span: timedelta | None) -> BoolArray:
    """Return which rows were seen for enough of a span."""
    window = frame.times >= frame.times[-1] - (span or timedelta(0)).total_seconds()
    share: FloatArray = there[:, window].mean(axis=1)
    return share >= _EVIDENCE_SHARE


def _was(frame: Frame, values: FloatArray, was: Before) -> Standing:
    start = frame.times[-1] - was.within.total_seconds()
    window = values[:, frame.times >= start]
    met: BoolArray = np.any(beyond(window, was), axis=1)
    covered: BoolArray = _seen(frame, ~np.isnan(values), was.within)
    if frame.times[0] > start:
        covered[:] = False
    return Standing(met, covered & ~met, np.full(len(values), start))


def beyond(values: FloatArray, bound: Bound) -> BoolArray:
    """Compare; a gap is beyond nothing."""
    result: BoolArray
    if bound.below is not None:
        result = values < bound.below
    elif bound.above is not None:
        result = values > bound.above
    else:
        result = values == bound.equals
    return result
