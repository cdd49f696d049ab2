"""What collection gives: frames of samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One time series of one signal. ``labels`` holds a derived ``host`` where it can be told."""

    signal: str
    entity: str
    labels: Mapping[str, str]
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Series of a signal of which nothing may be concluded now: all those that agree with ``labels``."""

    labels: Mapping[str, str]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """One poll's samples of all series, together with the polls before it.

    ``values`` is series x time; NaN marks a gap, never zero. ``sampled`` has the same shape: whether a value
    is a sample of its own, and not that of an earlier poll seen once more. ``times`` are unix seconds,
    ascending, the newest last. ``rows`` gives each signal's row numbers.

    What may be concluded from a signal's gaps depends on how it was answered in this poll. In ``failed``: not
    at all. In ``answered`` and in ``partial``: what is there is true, what is missing says nothing. Only in
    ``answered``: whole, and what is missing is not there, but for series that one of ``doubts`` is about.
    ``whole`` says for each time of the frame whether a signal's answer was whole then; a signal that it does
    not know always was.
    """

    at: datetime
    times: FloatArray
    values: FloatArray
    series: Sequence[Series]
    rows: Mapping[str, IntArray]
    answered: frozenset[str]
    failed: Mapping[str, str] = field(default_factory=dict)
    partial: Mapping[str, str] = field(default_factory=dict)
    doubts: Mapping[str, Sequence[Doubt]] = field(default_factory=dict)
    sampled: BoolArray | None = None
    whole: Mapping[str, BoolArray] = field(default_factory=dict)

    @property
    def latest(self) -> FloatArray:
        """Return the newest column, one value per series."""
        newest: FloatArray = self.values[:, -1]
        return newest

    def is_whole(self, signal: str) -> bool:
        """Return whether a signal's answer is complete, so that what it does not hold is not there."""
        return signal in self.answered and signal not in self.partial

    def samples(self, rows: IntArray) -> BoolArray:
        """Return for each of some rows and each time whether there is a sample of its own."""
        there: BoolArray = ~np.isnan(self.values[rows])
        return there if self.sampled is None else self.sampled[rows]

    def was_whole(self, signal: str) -> BoolArray:
        """Return for each time of the frame whether a signal's answer was whole then."""
        found = self.whole.get(signal)
        return np.ones(len(self.times), bool) if found is None else found

    def untold(self, signal: str) -> IntArray:
        """Return the rows of a signal without a sample now of which it is not known that they are gone."""
        rows = self.rows.get(signal, np.empty(0, np.intp))
        missing: IntArray = rows[np.isnan(self.latest[rows])]
        if not self.is_whole(signal):
            return missing
        doubts = self.doubts.get(signal, ())
        if not doubts or not len(missing):
            return missing[:0]
        names = sorted({frozenset(one.labels) for one in doubts}, key=sorted)
        doubted = {frozenset(one.labels.items()) for one in doubts}
        return np.array(
            [row for row in missing.tolist() if _is_doubted(self.series[row].labels, names, doubted)], np.intp
        )

    def find(self, signal: str, labels: Mapping[str, str]) -> int | None:
        """Return the row of one series, or None when the frame does not know it."""
        for row in self.rows.get(signal, ()):
            if self.series[row].labels == labels:
                return int(row)
        return None


def _is_doubted(
    labels: Mapping[str, str],
    names: Sequence[frozenset[str]],
    doubted: Set[frozenset[tuple[str, str]]],
) -> bool:
    """Return whether some labels agree with those of a doubt: all that a doubt names."""
    return any(frozenset((name, labels.get(name, "")) for name in one) in doubted for one in names)
