"""Frames in, what the models of entities find in them out: asked of the process that holds the models.

It only chooses what to send. Without an answer there are no findings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from agent.detect.findings import Finding, Suspect
from agent.detect.serieshash import HashedRows
from agent.log import Logger
from agent.records import Frame, IntArray

log = Logger("models")


class Judge(Protocol):
    """Who holds the models."""

    def ask(self, header: Mapping[str, Any], payload: bytes | memoryview) -> Mapping[str, Any] | None:
        """Return the answer to a question, or None when there is none in time."""


@dataclass(frozen=True, slots=True, eq=False)
class _Wanted:
    """What the models in force want to be shown; ``series`` are the hashes of theirs."""

    generation: str = ""
    beside: str = ""
    step_s: float = 60.0
    rows: int = 0
    entities: Sequence[str] = ()
    series: np.ndarray = field(default_factory=lambda: np.empty(0, np.uint64))
    note: str = ""


class ModelClient:
    """What the models in force find."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._wanted = _Wanted()
        self._hashed = HashedRows()
        self._rows: IntArray = np.empty(0, np.intp)
        self._rows_of: int | None = None  # series of the frame that they were looked up in
        self._answers = False
        self._said: tuple[str, ...] = ()
        self._compared: Mapping[str, int] | None = None

    @property
    def status(self) -> Mapping[str, Any]:
        """Return what people want to know of the models in force."""
        return {
            "models": len(self._wanted.entities),
            "generation": self._wanted.generation,
            "note": self._wanted.note,
            "refused": list(self._said),
            "answers": self._answers and bool(self._wanted.entities),
            "beside": self._wanted.beside,
            "compared": self._compared,
        }

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of a frame's rows."""
        self._hashed.keep(rows)
        self._rows_of = None

    def findings(self, frame: Frame) -> Mapping[str, Finding] | None:
        """Return what is found of each entity that has a model; None when there is no answer in time."""
        answer = self._ask(frame)
        self._answers = answer is not None
        if answer is None:
            return None
        self._say(answer)
        if "plan" in answer:
            self._take_up(answer["plan"])
        self._compared = answer.get("compared")
        pairs = zip(self._wanted.entities, answer.get("findings", ()), strict=False)
        return {entity: self._finding(one) for entity, one in pairs if one is not None}

    def _finding(self, told: Mapping[str, Any]) -> Finding:
        suspects = [Suspect(**{**one, "row": int(self._rows[one["row"]])}) for one in told["suspects"]]
        return Finding(float(told["score"]), [one for one in suspects if one.row >= 0])

    def _ask(self, frame: Frame) -> Mapping[str, Any] | None:
        wanted = self._wanted
        header = {"generation": wanted.generation, "beside": wanted.beside, "rows": wanted.rows}
        if not len(wanted.series):
            return self._judge.ask(header, b"")
        return self._judge.ask(header, self._newest(frame))

    def _newest(self, frame: Frame) -> memoryview:
        """Return rows x series as the models learned them: a step apart, NaN without a sample."""
        wanted = self._wanted
        if self._rows_of != len(frame.series):
            self._rows, self._rows_of = self._hashed.find(frame.series, wanted.series), len(frame.series)
        values = np.empty((wanted.rows, len(wanted.series)))
        times = frame.times[-1] - wanted.step_s * np.arange(wanted.rows - 1, -1, -1)
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
        return values.data.cast("B")

    def _take_up(self, plan: Mapping[str, Any]) -> None:
        was = self._wanted
        same = (plan["generation"], plan["beside"]) == (was.generation, was.beside)
        if same and len(plan["entities"]) == len(was.entities):
            return
        self._wanted = _Wanted(
            generation=plan["generation"],
            beside=plan["beside"],
            step_s=float(plan["step_s"]),
            rows=int(plan["rows"]),
            entities=plan["entities"],
            series=np.array(plan["series"], np.uint64),
            note=plan["note"],
        )
        self._rows_of = None
        if plan["entities"]:
            log.info(
                "entity models in use",
                models=len(plan["entities"]),
                trained=plan["generation"],
                beside=plan["beside"],
                note=plan["note"],
            )

    def _say(self, answer: Mapping[str, Any]) -> None:
        """Log what was refused when it changes."""
        if "plan" not in answer and not answer.get("broken"):
            return
        refused = (*answer.get("refused", ()), *answer.get("broken", ()))
        for why in refused:
            if why not in self._said:
                log.warning("model refused; the layer for every series goes on", why=why)
        self._said = refused
