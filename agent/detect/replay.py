"""A metrics history in, what the agent would have said of it at each of its rows out.

Every row is a poll of the one detector. Models of entities are trained as the agent trains them: on a history
that was given to learn from, or else once a day on the days so far; a row is judged by models that know only
what was before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from agent.config.rulefiles import Signal
from agent.config.settings import DetectSection
from agent.detect.calendar import Calendars
from agent.detect.counters import counting_columns, rates
from agent.detect.engine import Engine
from agent.detect.models.replayed import ReplayedModels
from agent.records import Anomaly, BoolArray, FloatArray, Frame, IntArray

CONTRIBUTORS = 3
WIDTH = 240  # samples that a frame holds, as the agent's do
_DAY_S = 86_400.0
_TELLING_DAYS = 0.5  # a series whose score comes oftener is not named
_SILENT = 1.0  # score of what is silent, which is far from nothing foreseen; usual are 0.4
_LEAST_CONFIDENCE = 0.15  # of rows that raise no alarm, at their most


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EntityVerdicts:
    """One entity's rows: arrays of one length, by time. ``kind`` is empty where all is normal."""

    entity: str
    score: FloatArray
    anomalous: BoolArray
    kind: Sequence[str]
    confidence: FloatArray
    contributors: Sequence[str]


def entities_of(frame: Frame) -> Mapping[str, IntArray]:
    """Return the rows of each entity's series."""
    rows: dict[str, list[int]] = {}
    for row, series in enumerate(frame.series):
        rows.setdefault(series.entity, []).append(row)
    return {entity: np.array(numbers, np.intp) for entity, numbers in rows.items()}


class Replay:
    """The detector over a file's rows, and before them those of a history to learn from."""

    def __init__(
        self,
        frame: Frame,
        learn_from: Frame | None = None,
        settings: DetectSection | None = None,
        calendars: Calendars | None = None,
    ) -> None:
        self._frame = frame
        self._times, self._values = _joined(frame, learn_from)
        self._learned = len(self._times) - len(frame.times)
        self._values = _without_counters(frame, self._times, self._values, self._learned)
        self._settings = settings or DetectSection()
        signals = {one.signal: _signal(one.signal) for one in frame.series}
        self._models = ReplayedModels(
            frame.series, self._times, self._values, self._learned, self._settings.models
        )
        self._engine = Engine(signals, self._settings, calendars, self._models)
        self._days = np.zeros(self._values.shape, np.float32)
        self._scores = np.zeros(self._values.shape, np.float32)

    def run(self, on_row: Callable[[int, int], None] = lambda done, of: None) -> Iterator[EntityVerdicts]:
        """Go through all rows, then yield the verdicts of each entity. ``on_row`` hears how far it is."""
        noted = {entity: _Notes(len(self._times)) for entity in entities_of(self._frame)}
        rows = {one.signal: np.array([row]) for row, one in enumerate(self._frame.series)}
        answered = frozenset(rows)
        for number, at in enumerate(self._times.tolist()):
            part = slice(max(number + 1 - WIDTH, 0), number + 1)
            found = self._engine.observe(
                Frame(
                    at=datetime.fromtimestamp(at, UTC),
                    times=self._times[part],
                    values=self._values[:, part],
                    series=self._frame.series,
                    rows=rows,
                    answered=answered,
                )
            )
            self._note(number, found, noted)
            if number % 1000 == 0:
                on_row(number, len(self._times))
        for entity, own in entities_of(self._frame).items():
            yield self._verdicts(entity, own, noted[entity])

    def _note(self, number: int, found: Sequence[Anomaly], noted: Mapping[str, _Notes]) -> None:
        judged = self._engine.judged
        self._days[:, number] = judged.days
        # how rare it is makes series comparable, how far off it is parts what is equally rare
        rare = 1.0 + np.log1p(judged.strength / self._settings.alarms_per_day)
        far = np.where(judged.still | judged.absent, np.maximum(judged.score, _SILENT), judged.score)
        self._scores[:, number] = np.where(judged.judged, rare * far, 0.0)
        scores = self._engine.entity_scores
        for place, entity in enumerate(scores.names):
            notes = noted[entity]
            notes.score[number] = scores.score[place]
            notes.days[number] = scores.days[place]
        for one in found:
            notes = noted[one.entity]
            if one.confidence >= notes.confidence[number]:
                notes.confidence[number] = one.confidence
                notes.kind[number] = one.kind
            notes.named.setdefault(number, []).append(one.signal)

    def _verdicts(self, entity: str, own: IntArray, notes: _Notes) -> EntityVerdicts:
        kept = slice(self._learned, None)
        days = self._days[own]
        alone = len(own) == 1
        score = self._scores[own[0]].astype(np.float64) if alone else notes.score
        anomalous = np.array([bool(kind) for kind in notes.kind])
        quiet = np.maximum(notes.days, days.max(0) / len(own)) * self._settings.alarms_per_day
        confidence = np.where(anomalous, notes.confidence, _LEAST_CONFIDENCE * np.clip(quiet, 0.0, 1.0))
        names = [self._frame.series[row].signal for row in own]
        return EntityVerdicts(
            entity=entity,
            score=score[kept],
            anomalous=anomalous[kept],
            kind=notes.kind[kept],
            confidence=confidence[kept],
            contributors=_contributors(names, days, notes.named)[kept],
        )


class _Notes:
    """What was said of one entity, row by row."""

    def __init__(self, rows: int) -> None:
        self.score = np.zeros(rows)
        self.days = np.zeros(rows)
        self.kind = [""] * rows
        self.confidence = np.zeros(rows)
        self.named: dict[int, list[str]] = {}


def _signal(name: str) -> Signal:
    return Signal.model_construct(
        id=name, summary=name, query="value", role="saturation", entity="", detect=True, bad="both"
    )


def _joined(frame: Frame, learn_from: Frame | None) -> tuple[FloatArray, FloatArray]:
    """Put the history to learn from before the frame, its series in the frame's order."""
    if learn_from is None or not len(learn_from.times) or not len(frame.times):
        return frame.times, frame.values
    earlier = learn_from.times
    if earlier[-1] >= frame.times[0]:  # whole weeks back, so that time of day and day of week stay right
        weeks = np.ceil((earlier[-1] - frame.times[0] + 1e-3) / (7 * _DAY_S))
        earlier = earlier - weeks * 7 * _DAY_S
    values = np.full((len(frame.series), len(earlier)), np.nan)
    for row, series in enumerate(frame.series):
        found = learn_from.rows.get(series.signal)
        if found is not None:
            values[row] = learn_from.values[found[0]]
    return np.concatenate([earlier, frame.times]), np.concatenate([values, frame.values], axis=1)


def _without_counters(frame: Frame, times: FloatArray, values: FloatArray, learned: int) -> FloatArray:
    """Return the values with rates in place of counters."""
    counting = counting_columns([one.signal for one in frame.series], values)
    if not counting.any():
        return values
    result = values.copy()
    result[counting] = rates(values[counting], times)
    if 0 < learned < len(times):  # two files: what lies between them was counted by nobody
        result[counting, learned] = np.nan
    return result


def _contributors(names: Sequence[str], days: np.ndarray, named: Mapping[int, Sequence[str]]) -> list[str]:
    """Name each row's rarest series, the rarest first, those with an anomaly open before all others."""
    count = min(CONTRIBUTORS, len(names))
    first = np.argsort(-days, axis=0, kind="stable")[:count].T
    rare = np.take_along_axis(days, first.T, axis=0).T >= _TELLING_DAYS
    result = []
    for row, (columns, flags) in enumerate(zip(first.tolist(), rare.tolist(), strict=True)):
        own = [names[column] for column, is_rare in zip(columns, flags, strict=True) if is_rare]
        result.append(";".join(dict.fromkeys([*own, *named.get(row, ())][:CONTRIBUTORS])))
    return result
