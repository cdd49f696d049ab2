"""Frames in, the anomalies that are open out: a series opens one when it is strange enough, and closes it.

An entity may be alarming so many times a day. A row is strange when a score as high comes less often than
the entity's alarms a day, shared among its series, allow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from agent.config.promql import with_rate_interval
from agent.config.rulefiles import Signal
from agent.config.settings import DetectSection
from agent.detect.calendar import Calendars
from agent.detect.counters import WINDOW, Counters, rates
from agent.detect.describe import Companions, Excerpt, describe, onset
from agent.detect.entityrows import EntityRows
from agent.detect.judgement import Judgement, Moment, SeriesJudge
from agent.detect.memory import SeriesMemory
from agent.detect.openanomaly import OpenAnomaly, from_plain, to_plain
from agent.detect.rows import Rows
from agent.detect.seriesquery import query_of_series
from agent.detect.signalrows import RowRoles, SignalRows
from agent.detect.statefile import Kept
from agent.detect.weighing import Weights
from agent.log import Logger
from agent.meaning import NO_METADATA
from agent.records import Anomaly, BoolArray, FloatArray, Frame, IntArray
from agent.records.metadata import Metadata

_CONTRIBUTORS = 3
_COMPANION = 0.5  # of the threshold: what is half as strange is named beside
_MOST_OPEN = 1000  # a storm says no more with more of them, and a poll must end in time

log = Logger("detect")


class SeriesDetector:
    """Every series against its own past."""

    def __init__(
        self,
        signals: Mapping[str, Signal],
        settings: DetectSection,
        weights: Weights,
        calendars: Calendars | None = None,
    ) -> None:
        self._weights = weights
        self._signals = signals
        self._settings = settings
        self._metadata: Metadata = NO_METADATA
        self._roles = SignalRows(signals)
        self._counters = Counters()
        self._calendars = calendars or Calendars()
        self._judge = SeriesJudge(self._calendars, settings.warm_up, settings.missing_after)
        self._runs = Rows(strange=np.intp, settled=np.intp)
        parts = {**self._judge.parts, "runs": self._runs, "counters": self._counters.rows}
        self._memory = SeriesMemory(parts, self._judge.predictor.season)
        self._kept_open: dict[int, OpenAnomaly] = {}
        self._open: dict[int, OpenAnomaly] = {}
        self._full = False
        self.entities = EntityRows()
        self.latest: Judgement | None = None
        self._learned_coarsely = False

    def watch(self, signals: Mapping[str, Signal]) -> None:
        """Use other definitions of signals from the next frame on."""
        self._signals = signals
        self._roles = SignalRows(signals, self._metadata)
        self._open = {
            row: one for row, one in self._open.items() if one.anomaly.signal in self._roles.watched
        }
        self.entities.clear()

    def take_metadata(self, metadata: Metadata) -> None:
        """Go by what the source says of its metrics from the next frame on."""
        self._metadata = metadata
        self._roles = SignalRows(self._signals, metadata)

    def observe(self, frame: Frame) -> tuple[Anomaly, ...]:
        """Learn from the newest column and return the open anomalies."""
        if self._learned_coarsely:
            # what foresees the next sample was learned at another step
            self._judge.predictor.restart()
            self._judge.scores.restart()
            self._learned_coarsely = False
        judged = self._turn(frame)
        self._describe(frame, judged)
        return tuple(one.anomaly for one in self._open.values())

    def learn(self, frame: Frame) -> None:
        """Learn from the newest column of a time with longer steps, but not from what is strange in it."""
        self._turn(frame)
        self._learned_coarsely = True

    def state(self) -> Kept:
        """Return what is known, copied."""
        kept = self._memory.state(self._queries)
        hashes = self._memory.hashes
        open_ = {str(int(hashes[row])): to_plain(one) for row, one in self._open.items()}
        open_ |= {str(key): to_plain(one) for key, one in self._kept_open.items()}
        return Kept({**kept.facts, "open": open_, **self._judge.clocks}, kept.arrays)

    def season_day(self, day: int) -> Kept:
        """Return one day of the seasons, copied."""
        return self._memory.day(day)

    def forget_unmet(self) -> None:
        """Keep no longer what was kept of series that did not come."""
        self._memory.forget_unmet()
        self._kept_open = {}

    @property
    def season_days(self) -> Sequence[int]:
        """Return the days that the seasons are made of."""
        return self._judge.predictor.season.days

    def restore(self, kept: Kept, days: Mapping[int, Kept]) -> None:
        """Go by what was kept. Raises KeyError, ValueError, TypeError where it does not fit."""
        opened = {int(key): from_plain(one) for key, one in kept.facts["open"].items()}
        self._memory.restore(kept, days)
        self._judge.clocks = kept.facts
        self._kept_open = opened

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of the rows."""
        new_number = {int(old): new for new, old in enumerate(rows)}
        self._counters.keep(rows)
        self._judge.keep(rows)
        self._runs.keep(rows)
        self._open = {new_number[old]: one for old, one in self._open.items() if old in new_number}
        self._memory.keep(rows)
        self._weights.keep()
        self.entities.clear()

    def _turn(self, frame: Frame) -> Judgement:
        judged = self._look(frame)
        self._close(frame, judged)
        self._open_new(frame, judged)
        return judged

    def _meet(self, frame: Frame) -> None:
        """Make room for new rows, with what was kept of them."""
        before = len(self._runs)
        self._runs.fit_to(len(frame.series))
        self._counters.rows.fit_to(len(frame.series))
        self._judge.fit_to(len(frame.series))
        self._assign_calendars(frame, before)
        for row in self._memory.meet(frame.series, self._queries).tolist():
            kept = self._kept_open.pop(int(self._memory.hashes[row]), None)
            if kept is not None:
                self._open[row] = kept

    def _assign_calendars(self, frame: Frame, first: int) -> None:
        for row, one in enumerate(frame.series[first:], first):
            self._judge.predictor.season.assign(row, self._calendars.number_of(one.labels))

    @property
    def _queries(self) -> Mapping[str, str]:
        return {id_: signal.query for id_, signal in self._signals.items() if signal.detect}

    def _look(self, frame: Frame) -> Judgement:
        at, count = float(frame.times[-1]), len(frame.series)
        changed = self._calendars.have_changed()
        if count != len(self._runs):
            self._meet(frame)
        if changed:
            self._assign_calendars(frame, 0)
        self.entities.fit_to(frame.series, self._roles.watched)
        roles = self._roles.of(frame)
        due, values = self._newest(frame, roles, at)
        calm = np.ones(count, bool)
        calm[list(self._open)] = False
        judged = self._judge.look(
            Moment(
                at=at,
                values=values,
                due=due,
                rows=roles.whole,
                side=roles.side,
                tolerance=roles.tolerance,
                calm=calm,
                wanted_days=self.entities.sharing / self._settings.alarms_per_day,
                weight=self._weights.of_rows(frame.series),
            )
        )
        self.latest, self._values = judged, values
        strange, settled = self._runs["strange"], self._runs["settled"]
        is_strange = judged.judged & (judged.strength >= 1)
        strange[:] = np.where(is_strange, strange + 1, np.where(judged.judged, 0, strange))
        settled[:] = np.where(judged.settled, settled + 1, np.where(judged.judged, 0, settled))
        return judged

    def _newest(self, frame: Frame, roles: RowRoles, at: float) -> tuple[BoolArray, FloatArray]:
        """Return which rows should have a sample, and the new samples as they are judged."""
        new = roles.watched if frame.sampled is None else roles.watched & frame.sampled[:, -1]
        values = np.where(new, frame.latest, np.nan)
        due = roles.watched.copy()
        if frame.partial or frame.doubts:
            for id_ in self._roles.watched & frame.answered:
                due[frame.untold(id_)] = False  # nobody can say that they are gone
        # a value that is seen once more is there, though it says nothing new
        due &= new | np.isnan(frame.latest)
        return due, self._counters.newest(values, roles.counting, at)

    def _past(self, frame: Frame, row: int) -> FloatArray:
        """Return what the frame holds of a row, as it was judged."""
        values: FloatArray = frame.values[row]
        return rates(values, frame.times) if frame.series[row].signal in self._roles.counting else values

    def _close(self, frame: Frame, judged: Judgement) -> None:
        """Close what has settled, and accept what has been strange for too long."""
        settled = self._runs["settled"]
        for row, one in list(self._open.items()):
            if settled[row] >= self._settings.close_after or one.anomaly.id in self._weights.wrong:
                self._runs["strange"][row] = 0
                del self._open[row]
            elif frame.at - one.anomaly.opened_at >= self._settings.new_normal_after:
                log.info("new normal accepted", entity=one.anomaly.entity, signal=one.anomaly.signal)
                self._judge.forget(np.array([row]))
                self._runs["strange"][row] = 0
                del self._open[row]

    def _open_new(self, frame: Frame, judged: Judgement) -> None:
        """Open what has been strange for long enough, the strangest first, as long as there is room."""
        ripe = self._runs["strange"] >= self._settings.open_after
        ripe[list(self._open)] = False
        rows = np.flatnonzero(ripe)
        room = max(_MOST_OPEN - len(self._open), 0)
        if len(rows) > room:
            rows = rows[np.argsort(-judged.strength[rows], kind="stable")]
            if not self._full:
                log.warning("too many anomalies to open", strange=len(rows), most=_MOST_OPEN)
        self._full = len(rows) > room
        for row in rows[:room].tolist():
            self._open[row] = self._opened(frame, judged, row)

    def _opened(self, frame: Frame, judged: Judgement, row: int) -> OpenAnomaly:
        series = frame.series[row]
        level, spread = float(judged.level[row]), float(judged.spread[row])
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
            unit=series.unit,
        )
        mature = bool(judged.mature[row])
        return OpenAnomaly(anomaly, level, mature, began, samples=self._settings.open_after - 1)

    def _query(self, signal: str) -> str:
        query = with_rate_interval(self._signals[signal].query)
        return f"rate({query}[{WINDOW}])" if signal in self._roles.counting else query

    def _describe(self, frame: Frame, judged: Judgement) -> None:
        if not self._open:
            return
        others = self._strange_now(frame, judged)
        for row, one in self._open.items():
            if judged.judged[row]:
                excerpt = Excerpt(frame.times, self._past(frame, row), float(self._values[row]))
                companions = self._companions(one.anomaly, others)
                bounds = self._signals[one.anomaly.signal].bounds
                describe(one, excerpt, row, judged, companions, self._judge.predictor.season.along, bounds)

    def _strange_now(self, frame: Frame, judged: Judgement) -> Mapping[str, list[tuple[float, str]]]:
        """Return what is at least half strange on the entities of open anomalies, the strongest first."""
        entities = {one.anomaly.entity for one in self._open.values()}
        found: dict[str, list[tuple[float, str]]] = {entity: [] for entity in entities}
        for row in np.flatnonzero(judged.judged & (judged.strength >= _COMPANION)).tolist():
            series = frame.series[row]
            if series.entity in entities:
                found[series.entity].append((float(judged.strength[row]), series.signal))
        return {entity: sorted(some, reverse=True) for entity, some in found.items()}

    def _companions(self, anomaly: Anomaly, others: Mapping[str, list[tuple[float, str]]]) -> Companions:
        some = others[anomaly.entity]
        total = self.entities.count_of(anomaly.entity)
        names: Iterable[str] = (signal for _, signal in some if signal != anomaly.signal)
        return Companions(
            signals=tuple(dict.fromkeys(names))[:_CONTRIBUTORS],
            share=min(len(some) / total, 1.0),
            series=total,
        )
