"""Models of a shelf and the newest rows of their series in, a finding for each entity out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from agent.detect.models.entitymodel import ROWS, EntityModel
from agent.detect.models.shelf import Shelf
from agent.detect.serieshash import hash_of
from agent.errors import ModelError
from agent.records import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class _Loaded:
    """Models in force. ``columns`` says which of the asked series are whose."""

    generation: str = ""
    models: Sequence[EntityModel] = ()
    columns: Sequence[slice] = ()
    plan: Mapping[str, Any] | None = None
    refused: Sequence[str] = ()


class Scoring:
    """Answers questions with the models that are in force."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._stamp: tuple[int, int] | None = None
        self._loaded = _Loaded()
        self._broken: dict[str, str] = {}

    def is_outdated(self) -> bool:
        """Return whether other models were put in force."""
        return self._shelf.stamp() != self._stamp

    def take_up_models(self) -> None:
        """Read the models in force; what cannot be read is refused, and said so in the answers."""
        self._stamp = self._shelf.stamp()
        self._broken = {}
        try:
            generation = self._shelf.current()
        except ModelError as error:
            self._loaded = _Loaded(refused=(str(error),), plan=_plan("", 0.0, (), ""))
            return
        if generation is None:
            self._loaded = _Loaded(plan=_plan("", 0.0, (), ""))
            return
        found = list(self._shelf.load(generation))
        models = [one for one in found if isinstance(one, EntityModel)]
        ends = np.cumsum([len(model.keys) for model in models]).tolist()
        self._loaded = _Loaded(
            generation=generation.name,
            models=models,
            columns=[slice(end - len(one.keys), end) for one, end in zip(models, ends, strict=True)],
            plan=_plan(generation.name, generation.step_s, models, generation.note),
            refused=[str(one) for one in found if isinstance(one, ModelError)],
        )

    def answer(self, question: Mapping[str, Any], payload: bytes | memoryview) -> dict[str, Any]:
        """Return findings, or the plan of what to send when the question was asked for other models."""
        loaded = self._loaded
        reply = {"number": question.get("number"), "generation": loaded.generation}
        if question.get("generation") != loaded.generation or not payload:
            return {**reply, "plan": loaded.plan, "refused": list(loaded.refused)}
        rows = int(question["rows"])
        values = np.frombuffer(payload, np.float64).reshape(rows, -1)
        findings = [self._judge(loaded, place, values) for place in range(len(loaded.models))]
        return {**reply, "findings": findings, "broken": list(self._broken.values())}

    def _judge(self, loaded: _Loaded, place: int, values: FloatArray) -> dict[str, Any] | None:
        model = loaded.models[place]
        if model.entity in self._broken:
            return None
        try:
            finding = model.judge(values[:, loaded.columns[place]])
        except Exception as error:  # one model's trouble is not the others'
            self._broken[model.entity] = f"the model of {model.entity} cannot judge: {error!r:.200}"
            return None
        if finding is None:
            return None
        return {
            "score": finding.score,
            "suspects": [
                {**asdict(one), "row": one.row + loaded.columns[place].start} for one in finding.suspects
            ],
        }


def _plan(generation: str, step_s: float, models: Sequence[EntityModel], note: str) -> dict[str, Any]:
    return {
        "generation": generation,
        "step_s": step_s,
        "rows": ROWS,
        "entities": [model.entity for model in models],
        "series": [hash_of(signal, labels) for model in models for signal, labels in model.keys],
        "note": note,
    }
