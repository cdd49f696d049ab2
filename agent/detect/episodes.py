"""Scores in, anomalies out: opened after some strange samples, closed after some normal ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import numpy as np

from agent.config.promql import with_rate_interval
from agent.config.rulefiles import Signal
from agent.config.settings import DetectSection
from agent.detect.baseline import Baseline, Scored, rows_to_watch
from agent.detect.budget import AlarmBudget
from agent.detect.counters import WINDOW, Counters, counts, rates
from agent.detect.describe import Company, OpenAnomaly, Strip, describe, onset
from agent.detect.rows import Rows
from agent.detect.signs import FrameLookup, Signs, Strangeness
from agent.detect.where import query_of_series
from agent.log import Logger
from agent.records import Anomaly, BoolArray, FloatArray, Frame, IntArray

_CLOSE_SHARE = 0.5  # of the threshold: hysteresis, or a value on the edge would flap
_MOST_FLAPS = 3  # each doubles how long a series must be normal before it counts as closed
_CONTRIBUTORS = 3
_MOST_OPEN = 1000  # a storm says no more with more of them, and a poll must end in time

log = Logger("detect")


class SeriesDetector:
    """Every series against its own baseline."""

    def __init__(self, signals: Mapping[str, Signal], settings: DetectSection) -> None:
        self._signals = signals
        self._settings = settings
        self._watched = _watched(signals)
        self._counting = _counting(signals)
        self._counters = Counters()
        self._baseline = Baseline(settings.warm_up)
        self._signs = Signs(settings.threshold, settings.warm_up, settings.missing_after)
        self._budget = AlarmBudget(settings.alarms_per_day)
        self._counts = Rows(strange=np.intp, normal=np.intp, flaps=np.intp)
        self._open: dict[int, OpenAnomaly] = {}
        self._full = False
        self._of_entity: dict[str, int] = {}
        self._counted = 0

    def watch(self, signals: Mapping[str, Signal]) -> None:
        """Use other definitions of signals from the next frame on."""
        self._signals = signals
        self._watched = _watched(signals)
        self._counting = _counting(signals)
        self._open = {row: one for row, one in self._open.items() if one.anomaly.signal in self._watched}
        self._of_entity, self._counted = {}, 0

    def observe(self, frame: Frame) -> tuple[Anomaly, ...]:
        """Learn from the newest column and return the open anomalies."""
        newest, watched = self._newest(frame)
        at = float(frame.times[-1])
        learn = np.ones(len(newest), bool)
        learn[list(self._open)] = False
        scored = self._baseline.score(newest, learn, at)
        answered = {id_: frame.rows[id_] for id_ in self._watched & frame.answered if id_ in frame.rows}
        sight = FrameLookup(at=at, watched=watched, rows=answered)
        strange = self._signs.look(newest, scored, self._sides(frame), learn, sight)
        self._count_samples(strange, self._budget.needed(frame.series, at))
        self._close(frame)
        self._open_new(frame, scored, strange)
        self._describe(frame, strange, newest)
        return tuple(one.anomaly for one in self._open.values())

    def learn(self, frame: Frame) -> None:
        """Learn from the newest column, and find nothing in it: it is long past."""
        newest = self._newest(frame)[0]
        self._baseline.score(newest, np.ones(len(newest), bool), float(frame.times[-1]))

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of the rows."""
        new_number = {int(old): new for new, old in enumerate(rows)}
        self._counters.keep(rows)
        self._baseline.keep(rows)
        self._signs.keep(rows)
        self._budget.keep(rows)
        self._counts.keep(rows)
        self._open = {new_number[old]: one for old, one in self._open.items() if old in new_number}
        self._of_entity, self._counted = {}, 0

    def _newest(self, frame: Frame) -> tuple[FloatArray, BoolArray]:
        """Return the newest samples of what is watched and was answered, as they are judged, and its rows."""
        self._counts.fit_to(len(frame.series))
        watched = np.zeros(len(frame.series), bool)
        watched[rows_to_watch(frame, self._watched)] = True
        for id_ in self._watched & frame.answered:
            watched[frame.untold(id_)] = False  # nobody can say that they are gone
        newest = np.where(watched, frame.latest, np.nan)
        return self._counters.newest(newest, self._counting_rows(frame), float(frame.times[-1])), watched

    def _counting_rows(self, frame: Frame) -> BoolArray:
        result = np.zeros(len(frame.series), bool)
        for id_ in self._counting & frame.answered:
            result[frame.rows[id_]] = True
        return result

    def _past(self, frame: Frame, row: int) -> FloatArray:
        """Return what the frame holds of a row, as it was judged."""
        values: FloatArray = frame.values[row]
        return rates(values, frame.times) if frame.series[row].signal in self._counting else values

    def _sides(self, frame: Frame) -> FloatArray:
        """Return 1 where only high is bad, -1 where only low is, else 0."""
        sides = np.zeros(len(frame.series))
        for id_ in self._watched & frame.answered:
            bad = self._signals[id_].bad
            if bad in ("high", "low"):
                sides[frame.rows[id_]] = 1.0 if bad == "high" else -1.0
        return sides

    def _count_samples(self, strange: Strangeness, needed: FloatArray) -> None:
        up, normal, flaps = (self._counts[name] for name in ("strange", "normal", "flaps"))
        is_strange: BoolArray = strange.judged & (strange.strength >= needed)
        is_normal: BoolArray = strange.judged & (strange.strength < _CLOSE_SHARE)
        up[:] = np.where(is_strange, up + 1, np.where(strange.judged, 0, up))
        normal[:] = np.where(is_normal, normal + 1, np.where(strange.judged, 0, normal))
        flaps[normal > self._settings.close_after << (_MOST_FLAPS + 2)] = 0

    def _close(self, frame: Frame) -> None:
        """Close what has been normal for long enough, and accept what has been strange for too long."""
        normal, flaps = self._counts["normal"], self._counts["flaps"]
        for row, one in list(self._open.items()):
            if normal[row] >= self._settings.close_after << int(flaps[row]):
                flaps[row] = min(flaps[row] + 1, _MOST_FLAPS)
                del self._open[row]
            elif frame.at - one.anomaly.opened_at >= self._settings.new_normal_after:
                log.info("new normal accepted", entity=one.anomaly.entity, signal=one.anomaly.signal)
                self._baseline.forget(np.array([row]))
                self._signs.forget(np.array([row]))
                self._counts["strange"][row] = 0
                del self._open[row]

    def _open_new(self, frame: Frame, scored: Scored, strange: Strangeness) -> None:
        """Open what has been strange for long enough, the strangest first, as long as there is room."""
        ripe = self._counts["strange"] >= self._settings.open_after
        ripe[list(self._open)] = False
        rows = np.flatnonzero(ripe)
        room = max(_MOST_OPEN - len(self._open), 0)
        if len(rows) > room:
            rows = rows[np.argsort(-strange.strength[rows], kind="stable")]
            if not self._full:
                log.warning("too many anomalies to open", strange=len(rows), most=_MOST_OPEN)
        self._full = len(rows) > room
        alarming = {one.anomaly.entity for one in self._open.values()}
        begun: dict[str, list[int]] = {}
        for row in rows[:room].tolist():
            self._open[row] = self._opened(frame, scored, strange, row)
            begun.setdefault(frame.series[row].entity, []).append(row)
        for entity in begun.keys() - alarming:
            self._budget.spend(entity, begun[entity])

    def _opened(self, frame: Frame, scored: Scored, strange: Strangeness, row: int) -> OpenAnomaly:
        series = frame.series[row]
        level, spread = float(strange.level[row]), float(strange.spread[row])
        past = self._past(frame, row)
        began = float(frame.times[onset(past, level, spread, self._settings.open_after)])
        anomaly = Anomaly(
            entity=series.entity,
            signal=series.signal,
            labels=series.labels,
            kind="spike",
            score=0.0,
            confidence=0.0,
            opened_at=frame.at,
            since=min(datetime.fromtimestamp(began, UTC), frame.at),
            observed=float(past[-1]),
            expected_low=0.0,
            expected_high=0.0,
            query=query_of_series(self._query(series.signal), series.labels),
        )
        return OpenAnomaly(
            anomaly,
            level,
            bool(scored.seasonal[row]),
            bool(strange.mature[row]),
            began,
            samples=self._settings.open_after - 1,
        )

    def _query(self, signal: str) -> str:
        query = with_rate_interval(self._signals[signal].query)
        return f"rate({query}[{WINDOW}])" if signal in self._counting else query

    def _describe(self, frame: Frame, strange: Strangeness, newest: FloatArray) -> None:
        if not self._open:
            return
        self._count_entities(frame)
        others = self._strange_now(frame, strange)
        for row, one in self._open.items():
            if strange.judged[row]:
                company = self._company(one.anomaly, others)
                strip = Strip(frame.times, self._past(frame, row), float(newest[row]))
                describe(one, strip, row, strange, company, self._baseline.expected_along)

    def _strange_now(self, frame: Frame, strange: Strangeness) -> Mapping[str, list[tuple[float, str]]]:
        """Return what is at least half strange on the entities of open anomalies, the strongest first."""
        entities = {one.anomaly.entity for one in self._open.values()}
        rows = np.flatnonzero(strange.judged & (strange.strength >= _CLOSE_SHARE))
        found: dict[str, list[tuple[float, str]]] = {entity: [] for entity in entities}
        for row in rows.tolist():
            series = frame.series[row]
            if series.entity in entities:
                found[series.entity].append((float(strange.strength[row]), series.signal))
        return {entity: sorted(some, reverse=True) for entity, some in found.items()}

    def _company(self, anomaly: Anomaly, others: Mapping[str, list[tuple[float, str]]]) -> Company:
        some = others[anomaly.entity]
        total = max(self._of_entity.get(anomaly.entity, 1), 1)
        names: Iterable[str] = (signal for _, signal in some if signal != anomaly.signal)
        return Company(
            signals=tuple(dict.fromkeys(names))[:_CONTRIBUTORS],
            share=min(len(some) / total, 1.0),
            series=total,
        )

    def _count_entities(self, frame: Frame) -> None:
        """Count the watched series of each entity; a frame only adds rows between renumberings."""
        for series in frame.series[self._counted :]:
            if series.signal in self._watched:
                self._of_entity[series.entity] = self._of_entity.get(series.entity, 0) + 1
        self._counted = len(frame.series)


def _watched(signals: Mapping[str, Signal]) -> frozenset[str]:
    return frozenset(id_ for id_, signal in signals.items() if signal.detect)


def _counting(signals: Mapping[str, Signal]) -> frozenset[str]:
    return frozenset(id_ for id_, signal in signals.items() if signal.detect and counts(signal.query))
