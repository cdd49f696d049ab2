"""Polls in, frames out: samples of all series aligned into one array with gaps marked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from agent.collect.base import Answer, Poll, Target
from agent.collect.seriesof import combined, describe_series, without_name
from agent.config.rulefiles import Signal
from agent.config.valid import rounded_into, why_impossible
from agent.instance import with_host
from agent.records import BoolArray, Doubt, FloatArray, Frame, IntArray, Series

_GROWTH = 1.5
_EARLY_S = 0.5  # polls are not exact
_NO_ROW = -1  # there are too many series
_HIDDEN = -2  # another series stands for it
_TAKES: Mapping[str, np.ufunc] = MappingProxyType({"max": np.fmax, "min": np.fmin, "sum": np.add})
_SAID_TWICE = "its labels stand there twice, with different values"
_NO_ROOM = "there are more series than may be kept (collect.prometheus.max_series)"

SeriesKey = tuple[str, frozenset[tuple[str, str]]]


@dataclass
class _Shown:
    """The label sets of a signal's last answer and their rows; mostly the next answer has the same."""

    labels: Sequence[Mapping[str, str]] = field(default_factory=list)
    rows: IntArray = field(default_factory=lambda: np.empty(0, np.intp))


class FrameBuffer:
    """Keeps the last ``width`` polls of every series and gives them out as frames.

    At most ``max_series`` series are kept. When they are all taken, a new series waits until one that
    is idle can be forgotten; ``refused`` counts the samples that found no place in the last poll,
    ``forgotten`` the series dropped so far. The arrays of a frame are views that ``add`` overwrites.
    """

    def __init__(self, signals: Mapping[str, Signal], width: int, max_series: int) -> None:
        self._signals = signals
        self._width = width
        self._max_series = max_series
        self._values: FloatArray = np.full((0, 2 * width), np.nan)
        self._sampled: BoolArray = np.zeros((0, 2 * width), bool)
        self._taken: FloatArray = np.empty(0)  # when the newest sample of each row was taken
        self._whole: dict[str, BoolArray] = {}
        self._targets: dict[Target, int] = {}
        self._target_of_row: list[int] = []
        self._times: FloatArray = np.full(2 * width, np.nan)
        self._end = 0
        self._series: list[Series] = []
        self._keys: list[SeriesKey] = []
        self._row_of: dict[SeriesKey, int] = {}
        self._shown: dict[str, _Shown] = {signal: _Shown() for signal in signals}
        self._rows_of_signal: dict[str, list[int]] = {signal: [] for signal in signals}
        self._row_arrays: dict[str, IntArray] = {}
        self._on_renumber: list[Callable[[IntArray], None]] = []
        self.refused = 0
        self.forgotten = 0

    @property
    def max_series(self) -> int:
        """Return how many series are kept at most."""
        return self._max_series

    def on_renumber(self, callback: Callable[[IntArray], None]) -> None:
        """Call back with the old numbers of the kept rows, in their new order, when rows are dropped."""
        self._on_renumber.append(callback)

    def watch(self, signals: Mapping[str, Signal]) -> None:
        """Use other signals from the next poll on; series of signals that stay keep their history."""
        changed = {id_ for id_, one in signals.items() if self._signals.get(id_) != one}
        self._signals = signals
        self._shown = {id_: self._shown.get(id_, _Shown()) for id_ in signals}
        for id_ in changed:
            self._shown[id_] = _Shown()
        self._rows_of_signal = {id_: self._rows_of_signal.get(id_, []) for id_ in signals}
        self._row_arrays = {id_: rows for id_, rows in self._row_arrays.items() if id_ in signals}
        self._whole = {id_: whole for id_, whole in self._whole.items() if id_ in signals}

    def restart(self) -> None:
        """Forget all samples, but no series: older ones are about to be added."""
        self._values[:] = np.nan
        self._sampled[:] = False
        self._taken[:] = np.nan
        self._whole = {}
        self._times[:] = np.nan
        self._end = 0

    def add(self, poll: Poll) -> Frame:
        """Take in one poll and return the frame that ends with it."""
        if self.refused:
            self._forget_idle()
        self.refused = 0
        rows = {signal: self._rows(signal, answer.labels) for signal, answer in poll.answers.items()}
        self._advance(poll.at.timestamp())
        doubts: dict[str, Sequence[Doubt]] = {}
        partial = poll.partial
        taken = self._taken_now(poll)
        for signal, answer in poll.answers.items():
            found = self._put(self._signals[signal], answer, rows[signal])
            if found:
                doubts[signal] = found
            if not len(rows[signal]):
                continue
            own = rows[signal][rows[signal] >= 0]
            self._date(taken, own[np.isnan(taken[own])], answer, poll.at.timestamp())
            if (rows[signal] == _NO_ROW).any():
                partial.setdefault(signal, _NO_ROOM)
        there = ~np.isnan(self._values[: len(taken), self._end - 1])
        self._sampled[: len(taken), self._end - 1] = there & ~(taken == self._taken[: len(taken)])
        self._taken[: len(taken)] = taken
        for signal in self._signals:
            whole = self._whole.setdefault(signal, np.zeros(2 * self._width, bool))
            whole[self._end - 1] = signal in poll.answers and signal not in partial
        return self._frame(poll, partial, doubts)

    def _taken_now(self, poll: Poll) -> FloatArray:
        """Return for each row when the newest sample of its target was taken; NaN where nobody knows."""
        times = np.array([poll.scraped.get(target, np.nan) for target in self._targets])
        taken: FloatArray = times[self._target_of_row] if len(times) else np.empty(0)
        return taken

    def _date(self, taken: FloatArray, unknown: IntArray, answer: Answer, at: float) -> None:
        """Say when samples were taken that no scrape of a target dates, such as sums or what logs give.

        One that differs from the one before is new; one that does not may be the same until it is time for
        the next.
        """
        if not answer.every_s:
            taken[unknown] = answer.at or np.nan
            return
        last, values = self._taken[unknown], self._values[unknown]
        same = values[:, self._end - 1] == values[:, self._end - 2] if self._end > 1 else False
        taken[unknown] = np.where(same & (at - last < answer.every_s - _EARLY_S), last, at)

    def _put(self, signal: Signal, answer: Answer, rows: IntArray) -> list[Doubt]:
        """Put samples into the newest column; return what is not believed."""
        doubts = [Doubt(with_host(one.labels), one.why) for one in answer.doubts]
        if not len(rows):
            return doubts
        values, impossible = rounded_into(np.asarray(answer.values, np.float64), signal.bounds)
        for place in np.flatnonzero(impossible).tolist():
            why = why_impossible(answer.values[place], signal.bounds)
            doubts.append(Doubt(with_host(without_name(answer.labels[place])), why))
        believed = (rows >= 0) & ~impossible
        if not signal.combine:
            for place in _contradicting(rows, values, believed):
                doubts.append(Doubt(with_host(without_name(answer.labels[place])), _SAID_TWICE))
                believed[place] = False
        kept, column = rows[believed], self._values[:, self._end - 1]
        take = _TAKES.get(signal.combine.take) if signal.combine else None
        if take is None:
            column[kept] = values[believed]
        else:
            column[kept] = take.identity if take is np.add else np.nan
            take.at(column, kept, values[believed])
        return doubts

    def _frame(self, poll: Poll, partial: Mapping[str, str], doubts: Mapping[str, Sequence[Doubt]]) -> Frame:
        start = max(0, self._end - self._width)
        for signal, numbers in self._rows_of_signal.items():
            if signal not in self._row_arrays or len(self._row_arrays[signal]) != len(numbers):
                self._row_arrays[signal] = np.array(numbers, np.intp)
        return Frame(
            at=poll.at,
            times=self._times[start : self._end],
            values=self._values[: len(self._series), start : self._end],
            series=self._series,
            rows=dict(self._row_arrays),
            answered=frozenset(poll.answers),
            failed=poll.failed,
            partial=partial,
            doubts=doubts,
            whole={signal: whole[start : self._end] for signal, whole in self._whole.items()},
            sampled=self._sampled[: len(self._series), start : self._end],
        )

    def _rows(self, signal: str, labels: Sequence[Mapping[str, str]]) -> IntArray:
        shown = self._shown[signal]
        if labels == shown.labels:
            return shown.rows
        named = combined(self._signals[signal], labels)
        rows = np.fromiter(
            (_HIDDEN if one is None else self._row(signal, one) for one in named), np.intp, len(labels)
        )
        if (rows != _NO_ROW).all():
            self._shown[signal] = _Shown(labels, rows)
        return rows

    def _row(self, signal: str, labels: Mapping[str, str]) -> int:
        key = (signal, frozenset(labels.items()))
        row = self._row_of.get(key)
        if row is not None:
            return row
        if len(self._series) >= self._max_series:
            self.refused += 1
            return _NO_ROW
        row = self._row_of[key] = len(self._series)
        self._keys.append(key)
        self._series.append(describe_series(self._signals[signal], labels))
        self._rows_of_signal[signal].append(row)
        target = labels.get("job", ""), labels.get("instance", "")
        self._target_of_row.append(self._targets.setdefault(target, len(self._targets)))
        self._grow(len(self._series))
        return row

    def _grow(self, count: int) -> None:
        if count > len(self._values):
            size = min(max(64, int(count * _GROWTH)), self._max_series)
            more = size - len(self._values)
            self._values = np.pad(self._values, ((0, more), (0, 0)), constant_values=np.nan)
            self._sampled = np.pad(self._sampled, ((0, more), (0, 0)))
            self._taken = np.pad(self._taken, (0, more), constant_values=np.nan)

    def _advance(self, at: float) -> None:
        if self._end == 2 * self._width:
            self._values[:, : self._width] = self._values[:, self._width :]
            self._values[:, self._width :] = np.nan
            self._sampled[:, : self._width] = self._sampled[:, self._width :]
            self._sampled[:, self._width :] = False
            for whole in self._whole.values():
                whole[: self._width] = whole[self._width :]
            self._times[: self._width] = self._times[self._width :]
            self._end = self._width
        self._set_back(at)
        self._times[self._end] = at
        self._end += 1

    def _set_back(self, at: float) -> None:
        """Move the times so far back with a source's clock: time must run on, and at its usual pace."""
        times = self._times[: self._end]
        if self._end and at <= times[-1]:
            step = float(np.median(np.diff(times))) if self._end > 1 else 1e-3
            times -= times[-1] - at + max(step, 1e-3)

    def _forget_idle(self) -> None:
        """Drop the tenth that was not seen for longest, but none that the last poll has seen."""
        count = len(self._series)
        start = max(0, self._end - self._width)
        seen = np.isfinite(self._values[:count, start : self._end])
        age = np.where(seen.any(1), seen[:, ::-1].argmax(1), seen.shape[1])
        oldest = np.argsort(-age, kind="stable")[: max(1, self._max_series // 10)]
        drop = oldest[age[oldest] > 0]
        if not len(drop):
            return
        keep = np.setdiff1d(np.arange(count), drop)
        self.forgotten += len(drop)
        self._values[: len(keep)] = self._values[keep]
        self._values[len(keep) :] = np.nan
        self._sampled[: len(keep)] = self._sampled[keep]
        self._sampled[len(keep) :] = False
        self._taken[: len(keep)] = self._taken[keep]
        self._taken[len(keep) :] = np.nan
        self._series = [self._series[row] for row in keep]
        self._keys = [self._keys[row] for row in keep]
        targets = list(self._targets)
        kept = [targets[self._target_of_row[row]] for row in keep]
        self._targets = {}
        self._target_of_row = [self._targets.setdefault(one, len(self._targets)) for one in kept]
        self._row_of = {key: row for row, key in enumerate(self._keys)}
        self._shown = {signal: _Shown() for signal in self._signals}
        self._rows_of_signal = {signal: [] for signal in self._signals}
        for row, series in enumerate(self._series):
            if series.signal in self._rows_of_signal:
                self._rows_of_signal[series.signal].append(row)
        self._row_arrays = {}
        for callback in self._on_renumber:
            callback(keep)


def _contradicting(rows: IntArray, values: FloatArray, believed: BoolArray) -> list[int]:
    """Return the places of samples that say different things of one series: nobody knows which is true."""
    own = np.flatnonzero(believed)
    kept, first = np.unique(rows[own], return_inverse=True)
    if len(kept) == len(own):
        return []
    lowest, highest = np.full(len(kept), np.inf), np.full(len(kept), -np.inf)
    np.minimum.at(lowest, first, values[own])
    np.maximum.at(highest, first, values[own])
    found: list[int] = own[(lowest != highest)[first]].tolist()
    return found
