"""What is known of series, found again by what they are called: after a start, and for a replica of another.

A frame's rows are numbers that change. A series is known by a hash of its signal and labels, a replica by one
of its workload. What is kept in files comes back when its series is first seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agent.detect.rows import Rows
from agent.detect.season import Season
from agent.detect.serieshash import hash_of
from agent.detect.statefile import Kept
from agent.meaning.workload import workload_of
from agent.records import BoolArray, IntArray, Series

_OWN, _WORKLOAD = "own", "workload"


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Where hashes are among those of a file."""

    order: IntArray
    ordered: np.ndarray

    @classmethod
    def of(cls, hashes: np.ndarray) -> _Found:
        order = np.argsort(hashes, kind="stable")
        return cls(order, hashes[order])

    def find(self, hashes: np.ndarray) -> IntArray:
        """Return the place of each, -1 where it is not there."""
        if not len(self.ordered):
            return np.full(len(hashes), -1, np.intp)
        places = np.minimum(np.searchsorted(self.ordered, hashes), len(self.ordered) - 1)
        there = (self.ordered[places] == hashes) & (hashes != 0)
        return np.where(there, self.order[places], -1)


class SeriesMemory:
    """The hashes of a frame's rows, and what was kept of series that were not seen yet."""

    def __init__(self, parts: Mapping[str, Rows], season: Season) -> None:
        self._parts = parts
        self._season = season
        self._rows = Rows(own=np.uint64, workload=np.uint64)
        self._replicas: dict[int, int] = {}  # a row of each workload
        self._kept: Mapping[str, np.ndarray] = {}
        self._kept_days: Mapping[int, Kept] = {}
        self._unmet: BoolArray = np.empty(0, bool)  # of what is kept
        self._known: Mapping[str, str] = {}  # the query of each signal that something is kept of
        self._by: dict[str, _Found] = {}

    @property
    def hashes(self) -> np.ndarray:
        """Return the hash of each row."""
        return self._rows[_OWN]

    def meet(self, series: Sequence[Series], queries: Mapping[str, str]) -> IntArray:
        """Take in the rows that are new, with what is known of them; return those that were kept.

        All parts have room for them already.
        """
        first = len(self._rows)
        if len(series) == first:
            return np.empty(0, np.intp)
        self._rows.fit_to(len(series))
        own, workload = self._rows[_OWN], self._rows[_WORKLOAD]
        same = np.zeros(len(series), bool)
        for row, one in enumerate(series[first:], first):
            own[row] = hash_of(one.signal, one.labels)
            of = workload_of(one.labels)
            workload[row] = hash_of(one.signal, of) if of is not None else 0
            same[row] = self._known.get(one.signal) == queries.get(one.signal)
        new = np.arange(first, len(series))
        kept = self._recall(new[same[first:]])
        self._inherit([row for row in new.tolist() if row not in set(kept.tolist())])
        return kept

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of the rows."""
        self._rows.keep(rows)
        self._replicas = {}
        for row, workload in enumerate(self._rows[_WORKLOAD].tolist()):
            if workload:
                self._replicas[workload] = row

    def state(self, queries: Mapping[str, str]) -> Kept:
        """Return all but the seasons' days, copied, and with it what was kept of series not seen yet."""
        arrays = {name: self._rows[name] for name in (_OWN, _WORKLOAD)}
        for part, rows in self._parts.items():
            arrays |= {f"{part}.{name}": array for name, array in rows.state().items()}
        whole = {name: self._with_unmet(name, array) for name, array in arrays.items()}
        return Kept({"queries": {**self._known, **queries}}, whole)

    def day(self, day: int) -> Kept:
        """Return one of the season's days, copied, as ``state`` does."""
        own, means = self._rows[_OWN], self._season.day(day)
        kept = self._kept_days.get(day)
        if kept is None or not self._unmet.any():
            return Kept({"day": day}, {_OWN: own.copy(), "mean": means.copy()})
        unmet = np.isin(kept.arrays[_OWN], self._kept[_OWN][self._unmet])
        return Kept(
            {"day": day},
            {
                _OWN: np.concatenate([own, kept.arrays[_OWN][unmet]]),
                "mean": np.concatenate([means, kept.arrays["mean"][:, unmet]], axis=1),
            },
        )

    def forget_unmet(self) -> None:
        """Keep no longer what was kept of series that did not come."""
        self._kept, self._kept_days, self._by = {}, {}, {}
        self._unmet = np.empty(0, bool)

    def _with_unmet(self, name: str, array: np.ndarray) -> np.ndarray:
        if not self._unmet.any():
            return array.copy()
        return np.concatenate([array, self._kept[name][..., self._unmet]], axis=-1)

    def restore(self, kept: Kept, days: Mapping[int, Kept]) -> None:
        """Go by what was kept for series that are seen from now on. Raises KeyError, ValueError."""
        for part, rows in self._parts.items():
            for name, array in rows.state().items():
                if kept.arrays[f"{part}.{name}"].shape[:-1] != array.shape[:-1]:
                    raise ValueError(f"'{part}.{name}' has another shape")
        self._kept, self._kept_days = kept.arrays, days
        self._unmet = np.ones(len(kept.arrays[_OWN]), bool)
        self._known = kept.facts["queries"]
        self._by = {name: _Found.of(kept.arrays[name]) for name in (_OWN, _WORKLOAD)}
        for day in days:
            self._season.begin_day(day)

    def _recall(self, rows: IntArray) -> IntArray:
        """Put what was kept of series, or of a replica of theirs, into rows; return those of which it was."""
        if not self._by:
            return np.empty(0, np.intp)
        own = self._by[_OWN].find(self._rows[_OWN][rows])
        replica = self._by[_WORKLOAD].find(self._rows[_WORKLOAD][rows])
        source = np.where(own >= 0, own, replica)
        there = source >= 0
        rows, source, exact = rows[there], source[there], (own >= 0)[there]
        if not len(rows):
            return rows
        for part, numbers in self._parts.items():
            for name, array in numbers.state().items():
                array[..., rows] = self._kept[f"{part}.{name}"][..., source]
        wanted = self._kept[_OWN][source]
        for day, kept in self._kept_days.items():
            places = _Found.of(kept.arrays[_OWN]).find(wanted)
            known = places >= 0
            self._season.day(day)[:, rows[known]] = kept.arrays["mean"][:, places[known]]
        self._unmet[source[exact]] = False
        self._begin_anew(rows[~exact])
        return rows[exact]

    def _inherit(self, rows: Sequence[int]) -> None:
        """Let new replicas know what one of their workload knows."""
        workload = self._rows[_WORKLOAD]
        for row in rows:
            of = int(workload[row])
            if not of:
                continue
            donor = self._replicas.get(of)
            self._replicas[of] = row
            if donor is None:
                continue
            for numbers in self._parts.values():
                for array in numbers.state().values():
                    array[..., row] = array[..., donor]
            self._season.copy(donor, row)
            self._begin_anew(np.array([row]))

    def _begin_anew(self, rows: IntArray) -> None:
        """Let replicas begin with their own first sample, as after a gap."""
        self._parts["predictor"]["seen_at"][rows] = 0.0
        self._parts["absence"].forget(rows)
        self._parts["stillness"].forget(rows, "value", "run")
        self._parts["runs"].forget(rows)
        self._parts["counters"].forget(rows)
