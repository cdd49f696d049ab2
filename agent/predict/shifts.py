"""Samples of many entities of a kind in, how much of each has left its own past and its peers' course, out.

Before a system fails, what is wrong with one of its members moves many of that member's metrics, each by a
little and for good, while its peers, who share the load, go on as before. So of each series the median of the
same metric over all peers is subtracted; what then stays beyond its own past for some minutes, always on the
same side, has shifted (a control chart on medians and quantiles, which bear outliers: Montgomery 2012,
"Introduction to Statistical Quality Control"). One series that shifts is an anomaly; a share of them is how a
failure begins. Where there are no peers nothing tells load from trouble, and nothing is said.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from agent.records import BoolArray, FloatArray, IntArray

_PAST = 240  # samples that are compared with
_LEAST_PAST = 15  # samples before anything is said
_APART = 10  # newest samples that are no past yet: a slow shift would hide in them
_STAYS = 5  # samples beyond the past, on the same side
_FAR = 4.0  # half widths of the past's central 95 %
_TAIL = 0.025
_FINE = 1e-3  # of the level: what varies less does not vary
_FEWEST_PEERS = 5
_FEWEST_SERIES = 4  # that shift together
_SHARE = 0.05  # of an entity's series, from which a failure is the likelier explanation
_NEW_NORMAL = 180  # samples; what lasts longer without a failure is how it is now


class ShiftWatch:
    """Follows the series of entities, sample by sample. A row is one series."""

    def __init__(self, entities: Sequence[int], kinds: Sequence[Hashable]) -> None:
        """``entities`` are the number of each row's entity, from 0; ``kinds`` are equal for peers."""
        self._entity = np.array(entities, np.intp)
        self._series = np.maximum(np.bincount(self._entity), 1)
        self._peers = _groups(kinds)
        self._has_peers = np.zeros(len(kinds), bool)
        for rows in self._peers:
            self._has_peers[rows] = True
        self._past = np.full((len(kinds), _PAST + _APART), np.nan)
        self._level = np.full((len(kinds), _PAST + _APART), np.nan, np.float32)
        self._median = np.full(len(kinds), np.nan)
        self._width = np.full(len(kinds), np.nan)
        self._stood = np.zeros(len(self._series), np.intp)

    @property
    def stood(self) -> IntArray:
        """Return for how many samples each entity has been found likely to fail."""
        return self._stood

    def observe(self, values: FloatArray) -> tuple[FloatArray, BoolArray]:
        """Take in one sample of each row, NaN where there is none.

        Return for each entity the probability that it is failing, and for each row whether it has shifted.
        """
        own = self._without_course(values)
        self._past = np.roll(self._past, -1, axis=1)
        self._level = np.roll(self._level, -1, axis=1)
        self._past[:, -1], self._level[:, -1] = own, np.abs(values)
        self._learn()
        off = self._past[:, -_STAYS:] - self._median[:, None]
        with np.errstate(invalid="ignore"):
            beyond = (np.abs(off) > _FAR * self._width[:, None]).all(1)
        shifted: BoolArray = beyond & (np.abs(np.sign(off).sum(1)) == _STAYS)
        count = np.bincount(self._entity[shifted], minlength=len(self._series))
        share = np.where(count >= _FEWEST_SERIES, count / self._series, 0.0)
        chance = share**2 / (share**2 + _SHARE**2)
        self._stood = np.where(chance >= 0.5, self._stood + 1, 0)
        self._stood[self._stood > _NEW_NORMAL] = 0
        return chance, shifted

    def _without_course(self, values: FloatArray) -> FloatArray:
        """Return the rows without what their peers do in the middle; NaN for those without peers."""
        own = np.full(len(values), np.nan)
        for rows in self._peers:
            there = rows[~np.isnan(values[rows])]
            if len(there) >= _FEWEST_PEERS:
                own[there] = values[there] - np.median(values[there])
        return own

    def _learn(self) -> None:
        """Take the past of every row anew, but of those that are off: theirs is from before."""
        rows = np.flatnonzero(self._has_peers & (self._stood[self._entity] == 0))
        ordered = np.sort(self._past[rows, :-_APART], axis=1)  # NaN last
        count = (~np.isnan(ordered)).sum(1)
        rows, ordered, count = (one[count >= _LEAST_PAST] for one in (rows, ordered, count))
        if not len(rows):
            return
        low, middle, high = (_quantile(ordered, count, share) for share in (_TAIL, 0.5, 1 - _TAIL))
        level = np.nanmedian(self._level[rows, :-_APART], axis=1)
        self._median[rows] = middle
        self._width[rows] = np.maximum((high - low) / 2, _FINE * level + 1e-9)


def _quantile(ordered: FloatArray, count: IntArray, share: float) -> FloatArray:
    place = share * (count - 1)
    low = np.floor(place).astype(np.intp)
    high = np.minimum(low + 1, count - 1)
    each = np.arange(len(ordered))
    found: FloatArray = ordered[each, low] + (place - low) * (ordered[each, high] - ordered[each, low])
    return found


def _groups(kinds: Sequence[Hashable]) -> list[IntArray]:
    """Return the rows of each kind that has enough peers."""
    rows: dict[Hashable, list[int]] = {}
    for row, kind in enumerate(kinds):
        rows.setdefault(kind, []).append(row)
    return [np.array(one, np.intp) for one in rows.values() if len(one) >= _FEWEST_PEERS]
