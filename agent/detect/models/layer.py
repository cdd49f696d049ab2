"""Frames in, anomalies of whole entities out: asked of those who hold the models, opened and closed here.

It only chooses what to send and keeps count: the models are elsewhere. Without an answer nothing changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from agent.config.promql import with_rate_interval
from agent.config.rulefiles import Signal
from agent.config.settings import DetectSection
from agent.detect.confidence import ENTITY
from agent.detect.models.marks import MarkedRows
from agent.log import Logger
from agent.records import Anomaly, Frame, IntArray

log = Logger("models")

KIND = "correlated_shift"
_CLOSE_SHARE = 0.7  # of the threshold: hysteresis
_FORGET_AFTER = 40  # polls without an answer: what was open then is not known to be
_OTHER_FACTOR = 1.5  # so much stronger must another series be to take an open anomaly's name


class Judge(Protocol):
    """Who holds the models."""

    def ask(self, header: Mapping[str, Any], payload: bytes | memoryview) -> Mapping[str, Any] | None:
        """Return the answer to a question, or None when there is none in time."""


@dataclass(frozen=True, slots=True, eq=False)
class _Wanted:
    """What the models in force want to be shown; ``series`` are the marks of theirs."""

    generation: str = ""
    step_s: float = 60.0
    rows: int = 0
    entities: Sequence[str] = ()
    series: np.ndarray = field(default_factory=lambda: np.empty(0, np.uint64))
    note: str = ""


@dataclass(slots=True)
class _Watch:
    """What is counted of one entity: samples in a row that were strange, or normal, and what is open."""

    strange: int = 0
    normal: int = 0
    strength: float = 0.0
    open: Anomaly | None = None


class EntityLayer:
    """Entities against their models."""

    def __init__(self, signals: Mapping[str, Signal], settings: DetectSection, judge: Judge) -> None:
        self._signals = signals
        self._settings = settings
        self._judge = judge
        self._wanted = _Wanted()
        self._marked = MarkedRows()
        self._rows: IntArray = np.empty(0, np.intp)
        self._rows_of: int | None = None  # series of the frame that they were looked up in
        self._watches: dict[str, _Watch] = {}
        self._unanswered = 0
        self._said: tuple[str, ...] = ()

    @property
    def status(self) -> Mapping[str, Any]:
        """Return what people want to know of the models in force."""
        return {
            "models": len(self._wanted.entities),
            "generation": self._wanted.generation,
            "note": self._wanted.note,
            "refused": list(self._said),
            "answers": self._unanswered == 0 and bool(self._wanted.entities),
        }

    def watch(self, signals: Mapping[str, Signal]) -> None:
        """Use other definitions of signals from the next frame on."""
        self._signals = signals

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of a frame's rows."""
        self._marked.keep(rows)
        self._rows_of = None

    def observe(self, frame: Frame) -> tuple[Anomaly, ...]:
        """Have the newest rows judged and return the anomalies that are open."""
        answer = self._ask(frame)
        if answer is None:
            self._unanswered += 1
            if self._unanswered == _FORGET_AFTER:
                self._watches.clear()
            return self._open()
        self._unanswered = 0
        self._say(answer)
        if "plan" in answer:
            self._take_up(answer["plan"])
        pairs = zip(self._wanted.entities, answer.get("findings", ()), strict=False)
        found = {entity: finding for entity, finding in pairs if finding is not None}
        for entity, finding in found.items():
            self._count(entity, finding, frame)
        if found:
            strangest = max(found, key=lambda entity: found[entity]["score"] / found[entity]["threshold"])
            log.debug("entities judged", judged=len(found), strangest=strangest, **_told(found[strangest]))
        return self._open()

    def _ask(self, frame: Frame) -> Mapping[str, Any] | None:
        wanted = self._wanted
        header = {"generation": wanted.generation, "rows": wanted.rows}
        if not len(wanted.series):
            return self._judge.ask(header, b"")
        return self._judge.ask(header, self._newest(frame))

    def _newest(self, frame: Frame) -> memoryview:
        """Return times, and rows x series as the models learned them: a step apart, NaN without a sample."""
        wanted = self._wanted
        if self._rows_of != len(frame.series):
            self._rows, self._rows_of = self._marked.find(frame.series, wanted.series), len(frame.series)
        numbers = np.empty(wanted.rows * (1 + len(wanted.series)))
        times, values = numbers[: wanted.rows], numbers[wanted.rows :].reshape(wanted.rows, -1)
        times[:] = frame.times[-1] - wanted.step_s * np.arange(wanted.rows - 1, -1, -1)
        after = np.clip(np.searchsorted(frame.times, times), 1, max(len(frame.times) - 1, 1))
        if len(frame.times) == 1:
            after[:] = 0
        before = np.maximum(after - 1, 0)
        nearer = np.abs(frame.times[before] - times) < np.abs(frame.times[after] - times)
        columns = np.where(nearer, before, after)
        there = np.abs(frame.times[columns] - times) <= wanted.step_s / 2
        for row, column in enumerate(columns.tolist()):
            values[row] = frame.values[self._rows, column] if there[row] else np.nan
        values[:, self._rows < 0] = np.nan
        return numbers.data.cast("B")

    def _take_up(self, plan: Mapping[str, Any]) -> None:
        if plan["generation"] == self._wanted.generation and len(plan["entities"]) == len(
            self._wanted.entities
        ):
            return
        self._wanted = _Wanted(
            generation=plan["generation"],
            step_s=float(plan["step_s"]),
            rows=int(plan["rows"]),
            entities=plan["entities"],
            series=np.array(plan["series"], np.uint64),
            note=plan["note"],
        )
        self._rows_of = None
        known = set(plan["entities"])
        self._watches = {entity: one for entity, one in self._watches.items() if entity in known}
        if plan["entities"]:
            log.info("entity models in use", models=len(known), trained=plan["generation"], note=plan["note"])

    def _say(self, answer: Mapping[str, Any]) -> None:
        """Log what was refused when it changes."""
        if "plan" not in answer and not answer.get("broken"):
            return
        refused = (*answer.get("refused", ()), *answer.get("broken", ()))
        for why in refused:
            if why not in self._said:
                log.warning("model refused; the layer for every series goes on", why=why)
        self._said = refused

    def _count(self, entity: str, finding: Mapping[str, Any], frame: Frame) -> None:
        watch = self._watches.setdefault(entity, _Watch())
        score, threshold = float(finding["score"]), float(finding["threshold"])
        watch.strange = watch.strange + 1 if score > threshold else 0
        watch.normal = watch.normal + 1 if score < _CLOSE_SHARE * threshold else 0
        if watch.open is None and watch.strange >= self._settings.open_after:
            watch.open = self._opened(entity, finding, frame)
            log.info("entity anomaly opened", entity=entity, signal=watch.open.signal, score=round(score, 2))
        elif watch.open is not None and watch.normal >= self._settings.close_after:
            watch.open = None
            log.info("entity anomaly closed", entity=entity)
        if watch.open is not None:
            self._describe(watch, finding, frame)

    def _opened(self, entity: str, finding: Mapping[str, Any], frame: Frame) -> Anomaly:
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

    def _describe(self, watch: _Watch, finding: Mapping[str, Any], frame: Frame) -> None:
        """Bring an open anomaly up to date; it keeps its series unless another is far stronger."""
        assert watch.open is not None
        suspects = [
            (frame.series[int(self._rows[one["column"]])], one)
            for one in finding["suspects"]
            if self._rows[one["column"]] >= 0
        ]
        if not suspects:
            return
        named = next((pair for pair in suspects if pair[0].labels == watch.open.labels), None)
        strongest = suspects[0]
        if named is None or strongest[1]["strength"] > _OTHER_FACTOR * named[1]["strength"]:
            named = strongest
        series, suspect = named
        strength = float(finding["score"]) / max(float(finding["threshold"]), 1e-9)
        signal = self._signals.get(series.signal)
        others = [one.signal for one, _ in suspects if one is not series]
        watch.open = replace(
            watch.open,
            signal=series.signal,
            labels=series.labels,
            score=float(finding["score"]),
            confidence=ENTITY.at(KIND, strength, length=1, clear=1.0),
            observed=float(suspect["observed"]),
            expected_low=float(suspect["low"]),
            expected_high=float(suspect["high"]),
            contributors=tuple(dict.fromkeys(others)),
            query=with_rate_interval(signal.query) if signal else "",
        )

    def _open(self) -> tuple[Anomaly, ...]:
        return tuple(one.open for one in self._watches.values() if one.open is not None and one.open.signal)


def _told(finding: Mapping[str, Any]) -> Mapping[str, float]:
    return {"score": round(finding["score"], 2), "threshold": round(finding["threshold"], 2)}
