"""The signals' definitions and a frame in, what each row of the frame is to detection out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from agent.config.rulefiles import Signal
from agent.meaning import NO_METADATA, is_counter_query
from agent.records import BoolArray, FloatArray, Frame, IntArray
from agent.records.metadata import Metadata


@dataclass(frozen=True, slots=True, eq=False)
class RowRoles:
    """What rows are.

    ``watched`` ones were answered and are judged, ``counting`` ones are counters; ``side`` is 1 where only
    high is bad, -1 where only low is, else 0; differences up to ``tolerance`` mean nothing; ``whole`` has
    the rows of signals that were answered in whole.
    """

    watched: BoolArray
    counting: BoolArray
    side: FloatArray
    tolerance: FloatArray
    whole: Mapping[str, IntArray]


class SignalRows:
    """Looks the rows up again only when a frame has others."""

    def __init__(self, signals: Mapping[str, Signal], metadata: Metadata = NO_METADATA) -> None:
        self._signals = {id_: signal for id_, signal in signals.items() if signal.detect}
        self.watched = frozenset(self._signals)
        self.counting = frozenset(
            id_ for id_, signal in self._signals.items() if is_counter_query(signal.query, metadata)
        )
        self._last: tuple[Frame, RowRoles] | None = None

    def of(self, frame: Frame) -> RowRoles:
        """Return what the rows of a frame are."""
        if self._last is None or not _alike(self._last[0], frame):
            self._last = frame, self._look_up(frame)
        return self._last[1]

    def _look_up(self, frame: Frame) -> RowRoles:
        count = len(frame.series)
        watched, counting, side = np.zeros(count, bool), np.zeros(count, bool), np.zeros(count)
        tolerance = np.zeros(count)
        whole: dict[str, IntArray] = {}
        for id_ in self.watched & frame.answered:
            rows = frame.rows.get(id_, np.empty(0, np.intp))
            watched[rows] = True
            counting[rows] = id_ in self.counting
            tolerance[rows] = self._signals[id_].tolerance
            bad = self._signals[id_].bad
            side[rows] = {"high": 1.0, "low": -1.0}.get(bad, 0.0)
            if frame.is_whole(id_) and id_ in frame.rows:
                whole[id_] = rows
        return RowRoles(watched, counting, side, tolerance, whole)


def _alike(one: Frame, other: Frame) -> bool:
    return (
        one.rows is other.rows
        and one.answered is other.answered
        and not other.partial
        and len(one.series) == len(other.series)
    )
