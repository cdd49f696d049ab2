"""Frames in, what is about to be used up out: what the last hour shows and what the last week does.

Only signals that say so (``limit`` in their definition) are looked at. A sudden leak is seen in the polls of
the last hour, a slow one in the week; of two words about one series the surer counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import numpy as np

from agent.config.rulefiles import Signal
from agent.predict.exhaustion import Exhaustions, exhaustions
from agent.predict.levels import Levels
from agent.records import FloatArray, Frame, IntArray
from agent.records.forecasts import Exhaustion, Remaining

EVERY = timedelta(minutes=5)
LEAST_SPAN = timedelta(minutes=20)  # what was seen for less says nothing, as after a boot
_LOOKS = 4  # in that time
_USED_UP = 0.005  # share of the most that was left, below which nothing is


class Forecaster:
    """Says of every limited series whether it is about to be used up. Used by one thread at a time."""

    def __init__(
        self,
        signals: Mapping[str, Signal],
        every: timedelta | None = None,
        least_span: timedelta = LEAST_SPAN,
    ) -> None:
        """A fall has to be seen for ``least_span``; it looks so often (``every``), or four times in that."""
        self.widen = 1.0
        """What half an interval is multiplied by, as the record of earlier forecasts asks for."""
        self.least_span = least_span
        self._every = every if every is not None else least_span / _LOOKS
        self._signals = _limited(signals)
        self._levels = Levels(self._signals)
        self._looked_at: datetime | None = None

    @property
    def signals(self) -> Mapping[str, Signal]:
        """Return the signals that are looked at, by id."""
        return self._signals

    def watch(self, signals: Mapping[str, Signal]) -> None:
        """Use other definitions of signals from the next frame on."""
        self._signals = _limited(signals)
        self._levels.watch(self._signals)

    def learn(self, frame: Frame) -> None:
        """Take in a frame of the past."""
        self._levels.add(frame)

    def observe(self, frame: Frame) -> tuple[Exhaustion, ...] | None:
        """Take in a frame; return everything that is about to be used up, or None between two looks."""
        self._levels.add(frame)
        if self._looked_at is not None and timedelta(0) <= frame.at - self._looked_at < self._every:
            return None
        self._looked_at = frame.at
        found: list[Exhaustion] = []
        for signal in self._signals.values():
            found += self._look(frame, signal)
        return tuple(found)

    def left(self, frame: Frame, signal: str, labels: Mapping[str, str]) -> float | None:
        """Return what is left of a series now, as a share of the most in the frame; None without a sample."""
        row = frame.find(signal, labels)
        if row is None or signal not in self._signals:
            return None
        left = _left(frame.values[row : row + 1], self._signals[signal])[0]
        if np.isnan(left[-1]):
            return None
        most = max(float(np.nanmax(np.abs(left))), abs(_limit(self._signals[signal])), 1e-300)
        return float(left[-1]) / most

    @staticmethod
    def is_used_up(left: float) -> bool:
        """Return whether so little is left (``left``) that nothing is."""
        return left <= _USED_UP

    def _look(self, frame: Frame, signal: Signal) -> list[Exhaustion]:
        rows = frame.rows.get(signal.id, np.empty(0, np.intp))
        # a series without a sample of its own now may be gone; nothing is said of it
        rows = rows[~np.isnan(frame.latest[rows])] if signal.id in frame.answered else rows[:0]
        if not len(rows):
            return []
        span = self.least_span.total_seconds()
        there = frame.samples(rows)
        recent = np.where(there, frame.values[rows], np.nan)
        recent[:, -1] = frame.latest[rows]
        near = exhaustions(frame.times, _left(recent, signal), span, self.widen)
        own = self._levels.rows_of([frame.series[row] for row in rows.tolist()], frame.at.timestamp())
        times, values = self._levels.window(np.maximum(own, 0))
        values[own < 0] = np.nan
        far = exhaustions(times, _left(values, signal), span, self.widen)
        return [
            self._exhaustion(frame, rows, place, one, number) for place, (one, number) in _surer(near, far)
        ]

    def _exhaustion(
        self, frame: Frame, rows: IntArray, place: int, found: Exhaustions, number: int
    ) -> Exhaustion:
        series = frame.series[rows[place]]
        return Exhaustion(
            signal=series.signal,
            entity=series.entity,
            labels=series.labels,
            value=float(frame.latest[rows[place]]),
            began=datetime.fromtimestamp(float(found.began[number]), UTC),
            remaining=Remaining(
                at=frame.at,
                left=timedelta(seconds=float(found.left[number])),
                low=timedelta(seconds=float(found.low[number])),
                high=timedelta(seconds=float(found.high[number])),
            ),
        )


def _surer(near: Exhaustions, far: Exhaustions) -> list[tuple[int, tuple[Exhaustions, int]]]:
    """Return of each place the word whose interval is narrower for what it says."""
    best: dict[int, tuple[Exhaustions, int]] = {}
    for found in (near, far):
        for number, place in enumerate(found.rows.tolist()):
            other = best.get(place)
            if other is None or _width(found, number) < _width(*other):
                best[place] = found, number
    return sorted(best.items(), key=lambda one: one[0])


def _width(found: Exhaustions, number: int) -> float:
    return float((found.high[number] - found.low[number]) / max(found.left[number], 1.0))


def _limited(signals: Mapping[str, Signal]) -> dict[str, Signal]:
    return {id_: one for id_, one in signals.items() if one.limit is not None and one.bad in ("low", "high")}


def _limit(signal: Signal) -> float:
    assert signal.limit is not None
    return signal.limit


def _left(values: FloatArray, signal: Signal) -> FloatArray:
    """Return what is left until the limit."""
    limit = _limit(signal)
    return values - limit if signal.bad == "low" else limit - values
