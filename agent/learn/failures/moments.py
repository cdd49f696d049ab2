"""Incidents of the past in, moments that are worth learning from out, and what came after each.

Nearly all moments are healthy. Those before an incident are all taken, the others thinned by a known chance,
whose inverse is the weight of what is kept: so the weighted share of moments before an incident stays that of
the site, and what is learned from them is calibrated for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from agent.records.metrics import BoolArray, FloatArray, IntArray

HORIZONS = (timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))
EVERY_S = 3600.0
_NEAR = ((6 * 3600.0, 1.0), (24 * 3600.0, 1 / 3))  # up to so long before an incident, with this chance
_MOST_QUIET = 8000  # moments far from any incident


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """A fault that was there on a host, from ``begin`` until ``end`` (unix seconds)."""

    host: str
    begin: float
    end: float


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Arrays of one length: which of ``hosts``, when (unix seconds), and how many moments each stands for."""

    hosts: Sequence[str]
    host: IntArray
    at: FloatArray
    weight: FloatArray

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.at)

    def part(self, chosen: IntArray) -> Moments:
        """Return some of them."""
        return Moments(self.hosts, self.host[chosen], self.at[chosen], self.weight[chosen])


def choose_moments(
    hosts: Sequence[str], begin: float, end: float, occurrences: Sequence[Occurrence], seed: int = 0
) -> Moments:
    """Return moments between two times, in the order of time; none while a fault was there."""
    grid = np.arange(np.ceil(begin / EVERY_S), np.floor(end / EVERY_S) + 1) * EVERY_S
    host = np.repeat(np.arange(len(hosts)), len(grid))
    at = np.tile(grid, len(hosts))
    everything = Moments(hosts, host, at, np.ones(len(at)))
    ahead, there = _ahead(everything, occurrences)
    chance = np.zeros(len(at))
    quiet = ~there & (ahead > _NEAR[-1][0])
    chance[quiet] = min(1.0, _MOST_QUIET / max(int(quiet.sum()), 1))
    for reach, share in reversed(_NEAR):
        chance[~there & (ahead <= reach)] = share
    taken = np.flatnonzero(np.random.default_rng(seed).random(len(at)) < chance)
    taken = taken[np.argsort(at[taken], kind="stable")]
    return Moments(hosts, host[taken], at[taken], 1 / chance[taken])


def watched_until(at: FloatArray, absences: Sequence[tuple[float, float]], end: float) -> FloatArray:
    """Return until when somebody looked on from each moment on without a break; before it where nobody did.

    ``absences`` are begin and end of each, in the order of time.
    """
    if not absences:
        return np.full(len(at), end)
    begins, ends = np.array(absences, np.float64).T
    following = np.append(begins, np.inf)[np.searchsorted(ends, at, side="right")]
    until: FloatArray = np.minimum(following, end)
    return until


def came(
    moments: Moments, occurrences: Sequence[Occurrence], horizon: timedelta, known_until: float | FloatArray
) -> FloatArray:
    """Return for each moment 1 where a fault began within the horizon, 0 where none did.

    NaN where nobody knows yet, or looked until then (``known_until``, for each moment or all of them), and
    where one was there already.
    """
    ahead, there = _ahead(moments, occurrences)
    span = horizon.total_seconds()
    found = ((ahead <= span) & (moments.at + ahead <= known_until)).astype(np.float64)
    found[(found == 0) & (moments.at + span > known_until)] = np.nan
    found[there] = np.nan
    return found


def _ahead(moments: Moments, occurrences: Sequence[Occurrence]) -> tuple[FloatArray, BoolArray]:
    """Return the seconds until the next fault of each moment's host, and where one is there."""
    ahead = np.full(len(moments), np.inf)
    there = np.zeros(len(moments), bool)
    of_host: dict[str, list[Occurrence]] = {}
    for one in sorted(occurrences, key=lambda one: one.begin):
        of_host.setdefault(one.host, []).append(one)
    rows = rows_of_hosts(moments)
    for number, name in enumerate(moments.hosts):
        own, mine = of_host.get(name, []), rows.get(number)
        if not own or mine is None:
            continue
        begins, ends = np.array([one.begin for one in own]), np.array([one.end for one in own])
        place = np.searchsorted(begins, moments.at[mine], side="right")
        later = np.append(begins, np.inf)[place]
        ahead[mine] = later - moments.at[mine]
        latest_end = np.append(-np.inf, np.maximum.accumulate(ends))[place]
        there[mine] = moments.at[mine] <= latest_end
    return ahead, there


def rows_of_hosts(moments: Moments) -> Mapping[int, IntArray]:
    """Return which moments are whose, by the number of the host."""
    order = np.argsort(moments.host, kind="stable")
    numbers, first = np.unique(moments.host[order], return_index=True)
    return dict(zip(numbers.tolist(), np.split(order, first[1:]), strict=True))
