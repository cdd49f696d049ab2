"""Samples of one signal in, how far each host is from its own last day out, as numbers in 0..1.

The same is asked of the past, for training, and of now: a moment knows the day before it and nothing later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agent.learn.failures.moments import Moments
from agent.records.metrics import BoolArray, FloatArray, IntArray

STEP_S = 600.0
PAST = 144  # steps: a day
_NEWEST = 6  # steps: an hour
_EARLIER = 36  # steps back, with which the newest hour is compared for a trend
_LEAST_PAST, _LEAST_NEWEST = 36, 3  # samples
_FAR = 8.0  # widths of the past that count as 1
_QUARTILES = 1.349  # standard deviations between them, where a series is normal
_FINE = 1e-3  # of the level: what varies less does not vary
_LEAST_THERE = 0.5  # of what a host usually shows, without which nothing is known of it

OFF, MOVED, THERE = "off:", "moved:", "there:"  # before the name of a signal


@dataclass(frozen=True, slots=True, eq=False)
class Deviations:
    """Of one signal at each moment: how far its host is ``off`` its last day, and ``moved`` within six hours.

    Of several series of a host the farthest counts, NaN where none tells. ``usual`` is how many series it had
    in its last day, ``there`` of how many of them there are samples now.
    """

    off: FloatArray
    moved: FloatArray
    usual: FloatArray
    there: FloatArray

    @classmethod
    def unknown(cls, count: int) -> Deviations:
        """Return what is known without any series."""
        return cls(np.full(count, np.nan), np.full(count, np.nan), np.zeros(count), np.zeros(count))

    def with_series(self, more: Deviations) -> Deviations:
        """Return what is known together with further series of the same signal."""
        return Deviations(
            np.fmax(self.off, more.off),
            np.fmax(self.moved, more.moved),
            self.usual + more.usual,
            self.there + more.there,
        )

    def columns(self, signal: str) -> dict[str, FloatArray]:
        """Return it by names; of what is usual the share that is there, NaN where nothing is usual."""
        share = np.where(self.usual > 0, self.there / np.maximum(self.usual, 1), np.nan)
        return {OFF + signal: self.off, MOVED + signal: self.moved, THERE + signal: share}


def is_known(columns: Mapping[str, FloatArray], signals: Iterable[str], count: int) -> BoolArray:
    """Return of which moments enough is there of what their hosts usually show of some signals.

    Of a signal that was not answered nothing is there. Without signals nothing needs to be known.
    """
    shares = [columns.get(THERE + signal, np.zeros(count)) for signal in signals]
    if not shares:
        return np.ones(count, bool)
    usual = ~np.isnan(shares)
    mean = np.where(usual, shares, 0.0).sum(0) / np.maximum(usual.sum(0), 1)
    known: BoolArray = mean >= _LEAST_THERE
    return known


def signals_of(features: Iterable[str]) -> set[str]:
    """Return the signals that some features are of."""
    return {name.partition(":")[2] for name in features if name.startswith((OFF, MOVED))}


def deviations(values: FloatArray, owner: IntArray, bad: str, moments: Moments, begin: float) -> Deviations:
    """Return what some series of a signal tell of each moment's host.

    ``values`` is series x step, the first step at ``begin`` (unix seconds), ``owner`` the number of each
    series' host, ``bad`` the direction that hurts: low, high, or any other word for both.
    """
    found = Deviations.unknown(len(moments))
    columns = np.floor((moments.at - begin) / STEP_S).astype(np.intp)
    hosts = len(moments.hosts)
    for column in np.unique(columns):
        if not 0 <= column < values.shape[1]:
            continue
        mine = np.flatnonzero(columns == column)
        level, trend, usual = _at(values, int(column))
        for now, kept in ((level, found.off), (trend, found.moved)):
            farthest = np.full(hosts, np.nan)
            np.fmax.at(farthest, owner, _harmful(now, bad))
            kept[mine] = farthest[moments.host[mine]]
        for which, kept in ((usual, found.usual), (~np.isnan(level), found.there)):
            kept[mine] = np.bincount(owner, weights=which, minlength=hosts)[moments.host[mine]]
    return found


def _at(values: FloatArray, column: int) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Return level and trend of each series at a step, in widths of its last day; NaN where it has none.

    And whether it was there in its last day.
    """
    past = values[:, max(column + 1 - PAST, 0) : max(column + 1 - _NEWEST, 0)]
    newest = values[:, max(column + 1 - _NEWEST, 0) : column + 1]
    ordered = np.sort(past, axis=1)  # NaN last
    count = (~np.isnan(past)).sum(1)
    low, middle, high = (_quantile(ordered, count, share) for share in (0.25, 0.5, 0.75))
    width = np.maximum((high - low) / _QUARTILES, _FINE * np.abs(middle) + 1e-9)
    now = _mean(newest)
    then = _mean(values[:, max(column + 1 - _EARLIER - _NEWEST, 0) : max(column + 1 - _EARLIER, 0)])
    known = count >= _LEAST_PAST
    level, trend = (np.where(known, now - before, np.nan) / width for before in (middle, then))
    return level, trend, known


def _harmful(found: FloatArray, bad: str) -> FloatArray:
    turned = {"high": found, "low": -found}.get(bad, np.abs(found))
    harmful: FloatArray = np.clip(turned / _FAR, 0.0, 1.0)
    return harmful


def _mean(part: FloatArray) -> FloatArray:
    there = ~np.isnan(part)
    count = there.sum(1)
    mean: FloatArray = np.where(there, part, 0.0).sum(1) / np.maximum(count, 1)
    return np.where(count >= _LEAST_NEWEST, mean, np.nan)


def _quantile(ordered: FloatArray, count: IntArray, share: float) -> FloatArray:
    if not ordered.shape[1]:
        return np.full(len(ordered), np.nan)
    place = np.floor(share * np.maximum(count - 1, 0)).astype(np.intp)
    found: FloatArray = ordered[np.arange(len(ordered)), place]
    return found


def counted(times: Sequence[float], at: FloatArray, within: float) -> FloatArray:
    """Return how many of some times lie within so many seconds before each moment; five and more are 1."""
    ordered = np.sort(np.array(times, np.float64))
    until = np.searchsorted(ordered, at, side="right")
    since = np.searchsorted(ordered, at - within, side="left")
    share: FloatArray = np.clip((until - since) / 5.0, 0.0, 1.0)
    return share
