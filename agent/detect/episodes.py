"""Scores in, anomalies out: opened after some strange samples, closed after some normal ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import numpy as np

from agent.config.rulefiles import Signal
from agent.config.settings import DetectSection
from agent.detect.baseline import Baseline, Scored, rows_to_watch
from agent.records import Anomaly, BoolArray, Frame, IntArray

_CLOSE_SHARE = 0.5  # of the threshold: hysteresis, or a value on the edge would flap


class SeriesDetector:
    """The first detector: every series against its own baseline."""

    def __init__(self, signals: Mapping[str, Signal], settings: DetectSection) -> None:
        self._signals = signals
        self._settings = settings
        self._watched = frozenset(id_ for id_, signal in signals.items() if signal.detect)
        self._baseline = Baseline(settings.warm_up)
        self._strange: IntArray = np.empty(0, np.intp)
        self._normal: IntArray = np.empty(0, np.intp)
        self._open: dict[int, Anomaly] = {}

    def watch(self, signals: Mapping[str, Signal]) -> None:
        """Use other definitions of signals from the next frame on."""
        self._signals = signals
        self._watched = frozenset(id_ for id_, signal in signals.items() if signal.detect)
        self._open = {row: anomaly for row, anomaly in self._open.items() if anomaly.signal in signals}

    def observe(self, frame: Frame) -> tuple[Anomaly, ...]:
        """Learn from the newest column and return the open anomalies."""
        count = len(frame.series)
        self._fit_to(count)
        watched = np.zeros(count, bool)
        watched[rows_to_watch(frame, self._watched)] = True
        newest = np.where(watched, frame.latest, np.nan)
        learn = np.ones(count, bool)
        learn[list(self._open)] = False
        scored = self._baseline.score(newest, learn)
        badness = self._towards_bad(frame, scored)
        self._count_samples(scored, badness)
        for strange in np.flatnonzero(self._strange >= self._settings.open_after).tolist():
            if strange not in self._open:
                self._open[strange] = self._anomaly(frame, scored, badness, strange, frame.at)
        for row in list(self._open):
            if self._normal[row] >= self._settings.close_after:
                del self._open[row]
            elif scored.judged[row]:
                self._open[row] = self._anomaly(frame, scored, badness, row, self._open[row].opened_at)
        return tuple(self._open.values())

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of the rows."""
        new_number = {int(old): new for new, old in enumerate(rows)}
        self._baseline.keep(rows)
        self._strange, self._normal = (
            array[rows[rows < len(array)]] for array in (self._strange, self._normal)
        )
        self._open = {new_number[old]: a for old, a in self._open.items() if old in new_number}

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

    def _anomaly(
        self, frame: Frame, scored: Scored, badness: np.ndarray, row: int, opened_at: datetime
    ) -> Anomaly:
        series = frame.series[row]
        reach = self._settings.threshold * float(scored.spread[row])
        level = float(scored.level[row])
        score = float(badness[row])
        return Anomaly(
            entity=series.entity,
            signal=series.signal,
            labels=series.labels,
            kind="dip" if scored.score[row] < 0 else "spike",
            score=score,
            confidence=score / (score + self._settings.threshold),
            opened_at=opened_at,
            observed=float(frame.latest[row]),
            expected_low=level - reach,
            expected_high=level + reach,
        )

    def _fit_to(self, count: int) -> None:
        missing = count - len(self._strange)
        if missing > 0:
            self._strange = np.concatenate([self._strange, np.zeros(missing, np.intp)])
            self._normal = np.concatenate([self._normal, np.zeros(missing, np.intp)])
