"""Models of a shelf and the newest rows of their series in, a finding for each entity out.

Where a training runs beside the one in force, its models are shown the same rows once the answer is given,
and what they take for strange is counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from agent.detect.findings import STRANGE
from agent.detect.models.entitymodel import ROWS, EntityModel
from agent.detect.models.shelf import Generation, Shelf
from agent.detect.serieshash import hash_of
from agent.errors import ModelError
from agent.records import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class _Loaded:
    """Models in force and, by entity, those beside. ``columns``: which of the asked series are whose."""

    generation: str = ""
    beside: str = ""
    others: Mapping[str, tuple[EntityModel, slice]] = field(default_factory=dict)
    models: Sequence[EntityModel] = ()
    columns: Sequence[slice] = ()
    plan: Mapping[str, Any] | None = None
    refused: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Compared:
    """How often both trainings judged an entity, and how often each, and both, took it for strange."""

    judged: int = 0
    in_force: int = 0
    beside: int = 0
    both: int = 0

    def and_of(self, in_force: bool, beside: bool) -> Compared:
        """Return the counts with one more judgement."""
        return Compared(
            self.judged + 1,
            self.in_force + in_force,
            self.beside + beside,
            self.both + (in_force and beside),
        )


class Scoring:
    """Answers questions with the models that are in force."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._stamps: object = None
        self._loaded = _Loaded()
        self._asked: tuple[_Loaded, FloatArray, Mapping[str, float]] | None = None
        self._compared = Compared()
        self._broken: dict[str, str] = {}

    def is_outdated(self) -> bool:
        """Return whether other models were put in force."""
        return self._shelf.stamps() != self._stamps

    def take_up_models(self) -> None:
        """Read the models in force; what cannot be read is refused, and said so in the answers."""
        self._stamps = self._shelf.stamps()
        self._broken, self._asked, self._compared = {}, None, Compared()
        try:
            generation = self._shelf.current()
        except ModelError as error:
            self._loaded = _Loaded(refused=(str(error),), plan=_plan("", "", 0.0, (), (), ""))
            return
        if generation is None:
            self._loaded = _Loaded(plan=_plan("", "", 0.0, (), (), ""))
            return
        found = list(self._shelf.load(generation))
        models = [one for one in found if isinstance(one, EntityModel)]
        beside, others, refused = self._read_beside(generation)
        both = [*models, *others]
        ends = np.cumsum([len(model.keys) for model in both]).tolist()
        columns = [slice(end - len(one.keys), end) for one, end in zip(both, ends, strict=True)]
        self._loaded = _Loaded(
            generation=generation.name,
            beside=beside,
            others={
                one.entity: (one, where) for one, where in zip(others, columns[len(models) :], strict=True)
            },
            models=models,
            columns=columns[: len(models)],
            plan=_plan(generation.name, beside, generation.step_s, models, both, generation.note),
            refused=[*(str(one) for one in found if isinstance(one, ModelError)), *refused],
        )

    def _read_beside(self, current: Generation) -> tuple[str, Sequence[EntityModel], Sequence[str]]:
        """Return the training beside the one in force, its models, and what of it is refused."""
        try:
            beside = self._shelf.shadow()
        except ModelError as error:
            return "", (), (str(error),)
        if beside is None:
            return "", (), ()
        if beside.step_s != current.step_s:
            why = f"{beside.name} cannot run beside {current.name}: it has a row every {beside.step_s:g} s"
            return "", (), (why,)
        found = list(self._shelf.load(beside))
        models = [one for one in found if isinstance(one, EntityModel)]
        return beside.name, models, [str(one) for one in found if isinstance(one, ModelError)]

    def answer(self, question: Mapping[str, Any], payload: bytes | memoryview) -> dict[str, Any]:
        """Return findings, or the plan of what to send when the question was asked for other models."""
        loaded = self._loaded
        reply = {"number": question.get("number"), "generation": loaded.generation, "beside": loaded.beside}
        wanted = question.get("generation"), question.get("beside", "")
        if wanted != (loaded.generation, loaded.beside) or not payload:
            return {**reply, "plan": loaded.plan, "refused": list(loaded.refused)}
        rows = int(question["rows"])
        values = np.frombuffer(payload, np.float64).reshape(rows, -1)
        findings = [self._judge(loaded, place, values) for place in range(len(loaded.models))]
        if loaded.beside:
            own = zip(loaded.models, findings, strict=True)
            self._asked = (
                loaded,
                values,
                {one.entity: found["score"] for one, found in own if found is not None},
            )
        compared = asdict(self._compared) if loaded.beside else None
        return {**reply, "findings": findings, "broken": list(self._broken.values()), "compared": compared}

    def compare(self) -> None:
        """Show the models beside what those in force were shown last, and count what is strange to which."""
        asked, self._asked = self._asked, None
        if asked is None or asked[0] is not self._loaded:  # others were taken up meanwhile
            return
        loaded, values, scores = asked
        for entity, score in scores.items():
            if entity not in loaded.others or f"beside {entity}" in self._broken:
                continue
            model, where = loaded.others[entity]
            try:
                other = float(model.scores(values[:, where], np.array([len(values) - 1]))[0])
            except Exception as error:  # one model's trouble is not the others'
                self._broken[f"beside {entity}"] = (
                    f"the model of {entity} beside cannot judge: {error!r:.200}"
                )
                continue
            if np.isfinite(other):
                self._compared = self._compared.and_of(score >= STRANGE, other >= STRANGE)

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


def _plan(
    generation: str,
    beside: str,
    step_s: float,
    models: Sequence[EntityModel],
    both: Sequence[EntityModel],
    note: str,
) -> dict[str, Any]:
    return {
        "generation": generation,
        "beside": beside,
        "step_s": step_s,
        "rows": ROWS,
        "entities": [model.entity for model in models],
        "series": [hash_of(signal, labels) for model in both for signal, labels in model.keys],
        "note": note,
    }
