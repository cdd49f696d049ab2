"""A judged frame and what models find in, the anomalies of whole entities out.

An entity's score is what its series say together, the mean over them of the logarithm of one plus the return
period in days, and what its model says, where it has one. The highest of the score and of its means over 4,
16 and 64 minutes is placed by its return period, as a series' is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from agent.config.promql import with_rate_interval
from agent.config.rulefiles import Signal
from agent.config.settings import DetectSection
from agent.detect.confidence import ENTITY
from agent.detect.entityrows import EntityRows
from agent.detect.findings import Finding
from agent.detect.judgement import Judgement
from agent.detect.openanomaly import anomaly_from_plain, anomaly_to_plain
from agent.detect.returns import ReturnPeriods
from agent.detect.rows import Rows
from agent.detect.seriesquery import query_of_series
from agent.detect.statefile import Kept
from agent.detect.weighing import Weights
from agent.log import Logger
from agent.records import Anomaly, BoolArray, FloatArray, Frame, IntArray

log = Logger("detect")

KIND = "correlated_shift"
_LEAST_SERIES = 2  # of an entity: a series alone is judged already
_RARE = 0.5  # what series say together once in a hundred times; 1 is that for a model
_SERIES_WEIGHT = 2.0  # beside a model's 1
_SPANS_S = np.array([240.0, 960.0, 3840.0])
_LONGEST_STEP_S = 900.0
_CLOSE_SHARE = 0.5  # of the days that open an anomaly: hysteresis
_OTHER_FACTOR = 3.0  # so much stronger must another series be to take an open anomaly's name
_CONTRIBUTORS = 3
_LEAST_SAMPLES = 0.5  # share of an entity's series that must be judged
_WARM_UP = 40  # moments


class Models(Protocol):
    """Who knows what models of entities find."""

    def findings(self, frame: Frame) -> Mapping[str, Finding] | None:
        """Return what is found of each entity that has a model; None when nobody knows."""


@dataclass(frozen=True, slots=True, eq=False)
class EntityScores:
    """Of each entity in ``names``: its gathered score, return period in days, and whether it is judged.

    ``recent_days`` is the return period of its score now and over the last minutes, the higher of both.
    """

    names: Sequence[str]
    score: FloatArray
    days: FloatArray
    recent_days: FloatArray
    judged: BoolArray


class EntityDetector:
    """Every entity against its own past."""

    def __init__(
        self,
        signals: Mapping[str, Signal],
        settings: DetectSection,
        weights: Weights,
        models: Models | None = None,
    ) -> None:
        self._weights = weights
        self._signals = signals
        self._settings = settings
        self._models = models
        self._returns = ReturnPeriods()
        self._rows = Rows(
            means=(np.float64, len(_SPANS_S)),
            count=np.float64,
            strange=np.intp,
            settled=np.intp,
        )
        self._row_of: dict[str, int] = {}
        self._known: Sequence[str] = ()
        self._known_rows: IntArray = np.empty(0, np.intp)
        self._open: dict[str, Anomaly] = {}
        self._at: float | None = None
        self.latest: EntityScores | None = None

    def watch(self, signals: Mapping[str, Signal]) -> None:
        """Use other definitions of signals from the next frame on."""
        self._signals = signals

    def observe(
        self, frame: Frame, judged: Judgement, entities: EntityRows, ask: bool = True
    ) -> tuple[Anomaly, ...]:
        """Judge what a frame's series say together and return the anomalies that are open."""
        found = self._models.findings(frame) if self._models is not None and ask else None
        if not (entities.counts >= _LEAST_SERIES).any():
            nothing = np.zeros(len(entities.names))
            self.latest = EntityScores(entities.names, nothing, nothing, nothing, nothing > 0)
            return ()
        rows = self._rows_of(entities.names)
        scores = self._score(frame, judged, entities, rows, found or {})
        self.latest = scores
        self._count(scores, rows)
        self._close(frame, rows, scores)
        self._open_new(frame, scores, rows)
        self._describe(frame, judged, entities, scores, found or {})
        return tuple(one for one in self._open.values() if one.signal)

    def state(self) -> Kept:
        """Return what is known of entities, copied."""
        arrays = {
            f"{part}.{name}": array.copy()
            for part, rows in self._parts.items()
            for name, array in rows.state().items()
        }
        opened = {name: anomaly_to_plain(one) for name, one in self._open.items()}
        return Kept(
            {"entities": list(self._row_of), "entities_open": opened, "entity_blocks": self._returns.clocks},
            arrays,
        )

    def restore(self, kept: Kept) -> None:
        """Go by what was kept. Raises KeyError, ValueError, TypeError where it does not fit."""
        names = [str(name) for name in kept.facts["entities"]]
        opened = {name: anomaly_from_plain(one) for name, one in kept.facts["entities_open"].items()}
        everything = np.arange(len(names))
        self._returns.fit_to(len(names))
        for part, rows in self._parts.items():
            found = {name: kept.arrays[f"{part}.{name}"] for name in rows.state()}
            rows.restore(found, everything, len(names))
        self._returns.clocks = kept.facts["entity_blocks"]
        self._row_of = {name: row for row, name in enumerate(names)}
        self._open = {name: one for name, one in opened.items() if name in self._row_of}

    @property
    def _parts(self) -> Mapping[str, Rows]:
        returns = {f"entity_returns_{name}": rows for name, rows in self._returns.parts.items()}
        return {"entities": self._rows, **returns}

    def _rows_of(self, names: Sequence[str]) -> IntArray:
        """Return the own row of each entity: a frame may be renumbered, what is known of entities stays."""
        if names is not self._known or len(names) != len(self._known_rows):
            rows = [self._row_of.setdefault(name, len(self._row_of)) for name in names]
            self._known, self._known_rows = names, np.array(rows, np.intp)
            self._rows.fit_to(len(self._row_of))
            self._returns.fit_to(len(self._row_of))
        return self._known_rows

    def _score(
        self,
        frame: Frame,
        judged: Judgement,
        entities: EntityRows,
        rows: IntArray,
        found: Mapping[str, Finding],
    ) -> EntityScores:
        at = float(frame.times[-1])
        told = judged.judged & ~judged.absent
        together, count = entities.mean(np.log1p(judged.days), told)
        together = together / _RARE
        judged_entities = (count >= _LEAST_SERIES) & (count >= _LEAST_SAMPLES * entities.counts)
        model = np.array([found[name].score if name in found else np.nan for name in entities.names])
        model = np.where(np.isfinite(model), model, together)
        score = (_SERIES_WEIGHT * together + model) / (_SERIES_WEIGHT + 1)
        gathered = self._gather(score, judged_entities, rows, at)
        everywhere, recent = np.zeros(len(self._rows)), np.zeros(len(self._rows))
        scored = np.zeros(len(self._rows), bool)
        everywhere[rows] = gathered
        recent[rows] = np.maximum(score, self._rows["means"][0, rows])
        scored[rows] = judged_entities
        known = scored & (self._rows["count"] >= _WARM_UP)
        days = np.where(known, self._returns.days(everywhere), 0.0)
        recent_days = np.where(known, self._returns.days(recent), 0.0)
        self._returns.learn(everywhere, scored, at)
        return EntityScores(entities.names, gathered, days[rows], recent_days[rows], known[rows])

    def _gather(self, score: FloatArray, where: BoolArray, rows: IntArray, at: float) -> FloatArray:
        """Return the highest of the scores and of their means over some minutes."""
        means, count = self._rows["means"], self._rows["count"]
        step = min(max(at - self._at, 1.0), _LONGEST_STEP_S) if self._at is not None else 60.0
        self._at = at
        weight = np.maximum(1 / (count[rows] + 1), 1 - np.exp(-step / _SPANS_S)[:, None])
        means[:, rows] += np.where(where, weight * (score - means[:, rows]), 0.0)
        count[rows] += where
        result: FloatArray = np.maximum(score, means[:, rows].max(0, initial=0.0))
        return result

    def _count(self, scores: EntityScores, rows: IntArray) -> None:
        wanted = self._weights.of_entities(scores.names) / self._settings.alarms_per_day
        strange, settled = self._rows["strange"], self._rows["settled"]
        is_settled = scores.judged & (scores.recent_days < wanted * _CLOSE_SHARE)
        is_strange = scores.judged & (scores.days >= wanted) & ~is_settled  # what is over is not opened
        strange[rows] = np.where(is_strange, strange[rows] + 1, np.where(scores.judged, 0, strange[rows]))
        settled[rows] = np.where(is_settled, settled[rows] + 1, np.where(scores.judged, 0, settled[rows]))

    def _close(self, frame: Frame, rows: IntArray, scores: EntityScores) -> None:
        settled = self._rows["settled"]
        for entity, one in list(self._open.items()):
            row = self._row_of[entity]
            if settled[row] >= self._settings.close_after or one.id in self._weights.wrong:
                self._rows["strange"][row] = 0
                # what is over counts no longer, though the mean over an hour has not forgotten it
                self._rows["means"][:, row] = self._rows["means"][0, row]
                log.info("entity anomaly closed", entity=entity)
                del self._open[entity]
            elif frame.at - one.opened_at >= self._settings.new_normal_after:
                log.info("new normal accepted", entity=entity)
                self._rows["strange"][row] = 0
                self._returns.accept(np.array([row]))
                del self._open[entity]

    def _open_new(self, frame: Frame, scores: EntityScores, rows: IntArray) -> None:
        ripe = self._rows["strange"][rows] >= self._settings.open_after
        for number in np.flatnonzero(ripe).tolist():
            entity = scores.names[number]
            if entity not in self._open:
                log.info("entity anomaly opened", entity=entity, days=round(float(scores.days[number]), 1))
                self._open[entity] = _opened(entity, frame)

    def _describe(
        self,
        frame: Frame,
        judged: Judgement,
        entities: EntityRows,
        scores: EntityScores,
        found: Mapping[str, Finding],
    ) -> None:
        for number in np.flatnonzero([name in self._open for name in scores.names]).tolist():
            entity = scores.names[number]
            if not scores.judged[number]:
                continue
            own = entities.rows_of(number)
            own = own[np.argsort(-judged.strength[own], kind="stable")]
            days = float(scores.days[number])
            wanted = float(self._weights.of_entities([entity])[0])
            strength = max(self._open[entity].score, days * self._settings.alarms_per_day / wanted)
            self._open[entity] = self._named(
                replace(self._open[entity], score=strength, confidence=ENTITY.at(strength, length=1)),
                frame,
                judged,
                own,
                found.get(entity),
            )

    def _named(
        self, one: Anomaly, frame: Frame, judged: Judgement, own: IntArray, finding: Finding | None
    ) -> Anomaly:
        """Name the strongest series; one that is named stays unless another is far stronger."""
        row = int(own[0])
        named = next(
            (
                int(n)
                for n in own
                if frame.series[n].labels == one.labels and frame.series[n].signal == one.signal
            ),
            None,
        )
        if named is not None and judged.strength[row] <= _OTHER_FACTOR * judged.strength[named]:
            row = named
        low = float(judged.level[row] - 4 * judged.spread[row])
        high = float(judged.level[row] + 4 * judged.spread[row])
        observed = float(frame.latest[row])
        others = [frame.series[n].signal for n in own[: _CONTRIBUTORS + 1].tolist() if n != row]
        if judged.strength[row] < 1 and finding is not None and finding.suspects:
            # no series is strange by itself: what does not go with the others is told
            suspect = finding.suspects[0]
            row, low, high, observed = suspect.row, suspect.low, suspect.high, suspect.observed
            others = [frame.series[other.row].signal for other in finding.suspects[1:]]
        series = frame.series[row]
        signal = self._signals.get(series.signal)
        if signal is not None:
            low, high = max(low, signal.bounds[0]), min(high, signal.bounds[1])
        return replace(
            one,
            signal=series.signal,
            labels=series.labels,
            observed=observed,
            expected_low=low,
            expected_high=high,
            contributors=tuple(dict.fromkeys(name for name in others if name != series.signal))[
                :_CONTRIBUTORS
            ],
            query=query_of_series(with_rate_interval(signal.query), series.labels) if signal else "",
            unit=series.unit,
        )


def _opened(entity: str, frame: Frame) -> Anomaly:
    return Anomaly(
        entity=entity,
        signal="",
        labels={},
        kind=KIND,
        score=0.0,
        confidence=0.0,
        opened_at=frame.at,
        since=frame.at,
        observed=0.0,
        expected_low=0.0,
        expected_high=0.0,
        layer="entity",
    )
