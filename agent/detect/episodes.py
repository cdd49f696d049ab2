"""Scores in, anomalies out: opened after some strange samples, closed after some normal ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from agent.config.rulefiles import Signal
from agent.config.settings import DetectSection
from agent.detect.baseline import Baseline, Scored, rows_to_watch
from agent.detect.confidence import confidence_of
from agent.detect.kinds import Stretch, kind_of
from agent.log import Logger
from agent.records import Anomaly, BoolArray, Frame, IntArray

_CLOSE_SHARE = 0.5  # of the threshold: hysteresis, or a value on the edge would flap
_MOST_FLAPS = 3  # each doubles how long a series must be normal before it counts as closed
_BEFORE = 64  # samples that say how a series was before
_CONTRIBUTORS = 3
_MOST_OPEN = 1000  # a storm says no more with more of them, and a poll must end in time

log = Logger("detect")


@dataclass(slots=True)
class _Open:
    """An anomaly that is open: how many samples long, and when its kind is looked at again."""

    anomaly: Anomaly
    level: float
    samples: int
    look_at: int


class SeriesDetector:
    """Every series against its own baseline."""

    def __init__(self, signals: Mapping[str, Signal], settings: DetectSection) -> None:
        self._signals = signals
        self._settings = settings
        self._watched = frozenset(id_ for id_, signal in signals.items() if signal.detect)
        self._baseline = Baseline(settings.warm_up)
        self._strange: IntArray = np.empty(0, np.intp)
        self._normal: IntArray = np.empty(0, np.intp)
        self._flaps: IntArray = np.empty(0, np.intp)
        self._open: dict[int, _Open] = {}
        self._full = False

    def watch(self, signals: Mapping[str, Signal]) -> None:
        """Use other definitions of signals from the next frame on."""
        self._signals = signals
        self._watched = frozenset(id_ for id_, signal in signals.items() if signal.detect)
        self._open = {row: one for row, one in self._open.items() if one.anomaly.signal in self._watched}

    def observe(self, frame: Frame) -> tuple[Anomaly, ...]:
        """Learn from the newest column and return the open anomalies."""
        count = len(frame.series)
        self._fit_to(count)
        watched = np.zeros(count, bool)
        watched[rows_to_watch(frame, self._watched)] = True
        newest = np.where(watched, frame.latest, np.nan)
        learn = np.ones(count, bool)
        learn[list(self._open)] = False
        scored = self._baseline.score(newest, learn, float(frame.times[-1]))
        badness = self._towards_bad(frame, scored)
        self._count_samples(scored, badness)
        self._close(frame)
        self._open_new(frame, scored, badness)
        together = self._together(frame)
        for row, one in self._open.items():
            if scored.judged[row]:
                self._describe(one, frame, scored, float(badness[row]), row, together)
        return tuple(one.anomaly for one in self._open.values())

    def learn(self, frame: Frame) -> None:
        """Learn from the newest column, and find nothing in it: it is long past."""
        self._fit_to(len(frame.series))
        watched = rows_to_watch(frame, self._watched)
        newest = np.full(len(frame.series), np.nan)
        newest[watched] = frame.latest[watched]
        self._baseline.score(newest, np.ones(len(newest), bool), float(frame.times[-1]))

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of the rows."""
        new_number = {int(old): new for new, old in enumerate(rows)}
        self._baseline.keep(rows)
        self._strange, self._normal, self._flaps = (
            array[rows[rows < len(array)]] for array in (self._strange, self._normal, self._flaps)
        )
        self._open = {new_number[old]: one for old, one in self._open.items() if old in new_number}

    def _towards_bad(self, frame: Frame, scored: Scored) -> np.ndarray:
        badness = np.abs(scored.score)
        for id_ in self._watched & frame.answered:
            rows = frame.rows[id_]
            if self._signals[id_].bad == "low":
                badness[rows] = np.maximum(-scored.score[rows], 0.0)
            elif self._signals[id_].bad == "high":
                badness[rows] = np.maximum(scored.score[rows], 0.0)
        return badness

    def _count_samples(self, scored: Scored, badness: np.ndarray) -> None:
        strange: BoolArray = scored.judged & (badness >= self._settings.threshold)
        normal: BoolArray = scored.judged & (badness < self._settings.threshold * _CLOSE_SHARE)
        self._strange = np.where(strange, self._strange + 1, np.where(scored.judged, 0, self._strange))
        self._normal = np.where(normal, self._normal + 1, np.where(scored.judged, 0, self._normal))
        calm = self._normal > self._settings.close_after << (_MOST_FLAPS + 2)
        self._flaps[calm] = 0

    def _close(self, frame: Frame) -> None:
        """Close what has been normal for long enough, and accept what has been strange for too long."""
        for row, one in list(self._open.items()):
            if self._normal[row] >= self._settings.close_after << int(self._flaps[row]):
                self._flaps[row] = min(self._flaps[row] + 1, _MOST_FLAPS)
                del self._open[row]
            elif frame.at - one.anomaly.opened_at >= self._settings.new_normal_after:
                log.info("new normal accepted", entity=one.anomaly.entity, signal=one.anomaly.signal)
                self._baseline.forget(np.array([row]))
                self._strange[row] = 0
                del self._open[row]

    def _open_new(self, frame: Frame, scored: Scored, badness: np.ndarray) -> None:
        """Open what has been strange for long enough, the strangest first, as long as there is room."""
        strange = self._strange >= self._settings.open_after
        strange[list(self._open)] = False
        rows = np.flatnonzero(strange)
        room = max(_MOST_OPEN - len(self._open), 0)
        if len(rows) > room:
            rows = rows[np.argsort(-badness[rows], kind="stable")]
            if not self._full:
                log.warning("too many anomalies to open", strange=len(rows), most=_MOST_OPEN)
        self._full = len(rows) > room
        for row in rows[:room].tolist():
            self._open[row] = self._opened(frame, scored, row)

    def _opened(self, frame: Frame, scored: Scored, row: int) -> _Open:
        series = frame.series[row]
        anomaly = Anomaly(
            entity=series.entity,
            signal=series.signal,
            labels=series.labels,
            kind="spike",
            score=0.0,
            confidence=0.0,
            opened_at=frame.at,
            observed=float(frame.latest[row]),
            expected_low=0.0,
            expected_high=0.0,
            query=self._signals[series.signal].query,
        )
        return _Open(anomaly, float(scored.level[row]), self._settings.open_after - 1, 0)

    def _together(self, frame: Frame) -> Mapping[str, list[tuple[float, str]]]:
        """Return by entity what is open there, the strongest first."""
        found: dict[str, list[tuple[float, str]]] = {}
        for one in self._open.values():
            found.setdefault(one.anomaly.entity, []).append((one.anomaly.score, one.anomaly.signal))
        return {entity: sorted(some, reverse=True) for entity, some in found.items()}

    def _describe(
        self,
        one: _Open,
        frame: Frame,
        scored: Scored,
        badness: float,
        row: int,
        together: Mapping[str, list[tuple[float, str]]],
    ) -> None:
        """Bring an open anomaly up to date; its kind is looked at again as it grows by half."""
        one.samples += 1
        kind = one.anomaly.kind
        if one.samples >= one.look_at:
            kind = _kind(one, frame, row)
            one.look_at = one.samples + max(one.samples // 2, 1)
        reach = self._settings.threshold * float(scored.spread[row])
        ratio = np.array([badness]), np.array([self._settings.threshold])
        named = [signal for _, signal in together.get(one.anomaly.entity, ()) if signal != one.anomaly.signal]
        one.anomaly = replace(
            one.anomaly,
            kind=kind,
            score=badness,
            confidence=float(confidence_of(*ratio)[0]),
            observed=float(frame.latest[row]),
            expected_low=float(scored.level[row]) - reach,
            expected_high=float(scored.level[row]) + reach,
            contributors=tuple(dict.fromkeys(named))[:_CONTRIBUTORS],
        )

    def _fit_to(self, count: int) -> None:
        missing = count - len(self._strange)
        if missing > 0:
            self._strange, self._normal, self._flaps = (
                np.concatenate([array, np.zeros(missing, np.intp)])
                for array in (self._strange, self._normal, self._flaps)
            )


def _kind(one: _Open, frame: Frame, row: int) -> str:
    """Return the kind by the samples that the frame still holds."""
    during = min(one.samples, frame.values.shape[1])
    values = frame.values[row]
    before = values[max(len(values) - during - _BEFORE, 0) : len(values) - during]
    return kind_of(
        Stretch(
            before=before,
            during=values[len(values) - during :],
            expected_before=np.full(len(before), np.nan),
            expected_during=np.full(during, one.level),
        )
    )[0]
