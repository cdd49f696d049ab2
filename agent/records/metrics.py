"""What collection gives: frames of samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """One poll's samples of all series, together with the polls before it.

    ``values`` is series x time; NaN marks a gap, never zero. ``times`` are unix seconds, ascending,
    the newest last. ``rows`` gives each signal's row numbers. A signal in ``failed`` was not answered
    in this poll: nothing may be concluded from its gaps.
    """

    at: datetime
    times: FloatArray
    values: FloatArray
    series: Sequence[Series]
    rows: Mapping[str, IntArray]
    answered: frozenset[str]
    failed: Mapping[str, str] = field(default_factory=dict)

    @property
    def latest(self) -> FloatArray:
        """Return the newest column, one value per series."""
        newest: FloatArray = self.values[:, -1]
        return newest

    def find(self, signal: str, labels: Mapping[str, str]) -> int | None:
        """Return the row of one series, or None when the frame does not know it."""
        for row in self.rows.get(signal, ()):
            if self.series[row].labels == labels:
                return int(row)
        return None
