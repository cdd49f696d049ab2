"""Frames in, what was left of each resource in the last days out: one value every ten minutes."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from agent.records import FloatArray, Frame, IntArray, Series

_BIN_S = 600.0
_BINS = 1008  # a week
_IDLE_S = 86_400.0  # after which a series has to make room

Key = tuple[str, frozenset[tuple[str, str]]]


class Levels:
    """Keeps a week of the series of some signals, the newest sample of every ten minutes."""

    def __init__(self, signals: Collection[str], most: int = 50_000) -> None:
        self._signals = tuple(signals)
        self._most = most
        self._values = np.full((0, _BINS), np.nan, np.float32)
        self._times = np.full(_BINS, np.nan)
        self._bin = -1
        self._seen_at = np.empty(0)
        self._row_of: dict[Key, int] = {}
        self._rows: dict[Series, int] = {}  # by identity: a frame's series are the same objects each time

    def watch(self, signals: Collection[str]) -> None:
        """Keep the series of other signals from now on."""
        self._signals = tuple(signals)

    def add(self, frame: Frame) -> None:
        """Take in the frame's newest column. What is older than what is known is left out."""
        at = frame.at.timestamp()
        number = int(at // _BIN_S)
        if number < self._bin:
            return
        self._advance(number)
        self._times[number % _BINS] = at
        for signal in self._signals:
            rows = frame.rows.get(signal, np.empty(0, np.intp))
            rows = rows[~np.isnan(frame.latest[rows])]
            own = self.rows_of([frame.series[row] for row in rows.tolist()], at)
            kept = own >= 0
            self._values[own[kept], number % _BINS] = frame.latest[rows[kept]]
            self._seen_at[own[kept]] = at

    def rows_of(self, series: Collection[Series], at: float) -> IntArray:
        """Return the own rows of some series, -1 where there is no room for more."""
        return np.array([self._row(one, at) for one in series], np.intp)

    def window(self, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return the times that are known, in order, and the values of some rows at them."""
        order = (np.arange(self._bin + 1, self._bin + 1 + _BINS)) % _BINS
        known = order[~np.isnan(self._times[order])]
        values: FloatArray = self._values[np.ix_(rows, known)].astype(np.float64)
        return self._times[known], values

    def _advance(self, number: int) -> None:
        if self._bin < 0 or number - self._bin >= _BINS:
            self._values[:] = np.nan
            self._times[:] = np.nan
        else:
            for passed in range(self._bin + 1, number + 1):
                self._values[:, passed % _BINS] = np.nan
                self._times[passed % _BINS] = np.nan
        self._bin = number

    def _row(self, series: Series, at: float) -> int:
        row = self._rows.get(series)
        if row is None:
            key = series.signal, frozenset(series.labels.items())
            row = self._row_of.get(key)
            if row is None:
                row = self._new_row(key, at)
            if row >= 0:
                self._rows[series] = row
        return row

    def _new_row(self, key: Key, at: float) -> int:
        if len(self._row_of) >= self._most:
            self._forget_idle(at)
        if len(self._row_of) >= self._most:
            return -1
        row = self._row_of[key] = len(self._row_of)
        if row >= len(self._values):
            more = max(64, len(self._values) // 2)
            self._values = np.pad(self._values, ((0, more), (0, 0)), constant_values=np.nan)
            self._seen_at = np.pad(self._seen_at, (0, more), constant_values=at)
        return row

    def _forget_idle(self, at: float) -> None:
        kept = [(key, row) for key, row in self._row_of.items() if at - self._seen_at[row] < _IDLE_S]
        rows = [row for _, row in kept]
        self._values, self._seen_at = self._values[rows], self._seen_at[rows]
        self._row_of = {key: place for place, (key, _) in enumerate(kept)}
        self._rows = {}
