"""A metrics history in, what is foretold at each of its rows out: no row knows a later one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from agent.predict.chance import chance_within
from agent.predict.exhaustion import exhaustions
from agent.predict.forecaster import EVERY, LEAST_SPAN
from agent.predict.limits import left_of
from agent.predict.shifts import ShiftWatch
from agent.records import FloatArray, Frame, Series

FAILURE, EXHAUSTED = "failure", "resource_exhausted"
_MINUTE_S = 60.0
_LEAST_S = LEAST_SPAN.total_seconds()
_AFTER_START_S = 3600.0  # a server that starts fills its memory, and stops
_WINDOW = 1008  # samples that a trend is looked for in
_ALARM = 0.5
_SURE_AFTER = 10  # samples for which a word stood
_OWN = re.compile(r'(?:^|[{,])\s*(?:instance|host|node|pod|hostname)="(?:[^"\\]|\\.)*"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What is foretold of one entity at one row; ``left`` is known where something is used up."""

    entity: str
    fault: str = FAILURE
    probability: float = 0.0
    confidence: float = 0.0
    left: timedelta | None = None

    @property
    def alarm(self) -> bool:
        """Return whether the fault is likelier than not."""
        return self.probability >= _ALARM


class PredictionReplay:
    """Goes through a file's rows. ``horizon`` is how far ahead a fault counts."""

    def __init__(self, frame: Frame, horizon: timedelta) -> None:
        self._frame = frame
        self._horizon_s = horizon.total_seconds()
        self._entities = sorted({one.entity for one in frame.series})
        number = {entity: place for place, entity in enumerate(self._entities)}
        self._owner = [number[one.entity] for one in frame.series]
        self._watch = ShiftWatch(self._owner, [_kind(one) for one in frame.series])
        self._rows, self._left = _limited(frame)

    def run(self, on_row: Callable[[int, int], None] = lambda done, of: None) -> Iterator[list[Prediction]]:
        """Yield what is foretold at each row, of each entity. ``on_row`` hears how far it is."""
        times = self._frame.times
        chance = np.zeros(len(self._entities))
        ends: Mapping[int, tuple[float, float]] = {}
        looked_at = minute = -np.inf
        for row, at in enumerate(times.tolist()):
            if at - minute >= _MINUTE_S:  # samples a few seconds apart tell nothing new of what lasts
                chance, _ = self._watch.observe(self._frame.values[:, row].astype(np.float64))
                minute = at
            if at - looked_at >= EVERY.total_seconds():
                ends, looked_at = self._ends(row), at
            yield [self._prediction(place, chance, ends, at - looked_at) for place in range(len(chance))]
            on_row(row + 1, len(times))

    def _prediction(
        self, place: int, chance: FloatArray, ends: Mapping[int, tuple[float, float]], since_s: float
    ) -> Prediction:
        stood = min(self._watch.stood[place] / _SURE_AFTER, 1.0)
        failing = Prediction(
            entity=self._entities[place],
            probability=float(chance[place]),
            confidence=0.5 + 0.5 * stood if chance[place] >= _ALARM else 0.5,
        )
        if place not in ends:
            return failing
        left, probability = ends[place]
        used_up = Prediction(
            entity=self._entities[place],
            fault=EXHAUSTED,
            probability=probability,
            confidence=0.8,
            left=timedelta(seconds=max(left - since_s, 0.0)),
        )
        return max(failing, used_up, key=lambda one: one.probability)

    def _ends(self, row: int) -> dict[int, tuple[float, float]]:
        """Return of each entity when the first of its series is used up, and how likely that is in time."""
        part = slice(max(row + 1 - _WINDOW, 0), row + 1)
        found = exhaustions(
            self._frame.times[part], self._left[:, part], _LEAST_S, least_from_start=_AFTER_START_S
        )
        ends: dict[int, tuple[float, float]] = {}
        for number, place in enumerate(found.rows.tolist()):
            owner = self._owner[self._rows[place]]
            left, low, high = (float(part[number]) for part in (found.left, found.low, found.high))
            one = left, chance_within(self._horizon_s, left, low, high)
            if owner not in ends or one[1] > ends[owner][1]:
                ends[owner] = one
        return ends


def _kind(series: Series) -> str:
    """Return what a series and its peers share: its name and labels without those that say whose it is."""
    return _OWN.sub("{", series.signal)


def _limited(frame: Frame) -> tuple[Sequence[int], FloatArray]:
    """Return the rows of which it is known when nothing is left, and what is left at each time."""
    found = [
        (row, left)
        for row, one in enumerate(frame.series)
        if (left := left_of(one.signal.partition("{")[0], frame.values[row].astype(np.float64))) is not None
    ]
    none = np.empty((0, len(frame.times)))
    return [row for row, _ in found], np.stack([left for _, left in found]) if found else none
