"""Fingerprints in, what the trained diagnosis in force says of them out, and what the one beside it says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from agent.errors import ModelError
from agent.learn.faults.model import FaultModel
from agent.learn.faults.shelf import FaultShelf, FaultTraining
from agent.records.cases import Fingerprint

KIND = "diagnosis"
"""What a question to the scoring process says that is for us."""


class FaultAnswers:
    """Answers with the models of a shelf; one that is refused gives none, and takes nothing else along."""

    def __init__(self, shelf: FaultShelf) -> None:
        self._shelf = shelf
        self._stamps: object = None
        self._models: Mapping[str, tuple[str, FaultModel]] = {}
        self._refused: list[str] = []

    def answer(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to a question that holds what was ``seen``."""
        if self._shelf.stamps() != self._stamps:
            self._take_up()
        seen = {str(name): float(clarity) for name, clarity in question["seen"].items()}
        return {
            "number": question.get("number"),
            "in_force": self._ask("in_force", seen),
            "beside": self._ask("beside", seen),
            "refused": list(self._refused),
        }

    def _take_up(self) -> None:
        self._stamps = self._shelf.stamps()
        self._models, self._refused = {}, []
        places: Mapping[str, Callable[[], FaultTraining | None]] = {
            "in_force": self._shelf.current,
            "beside": self._shelf.shadow,
        }
        for place, find in places.items():
            try:
                training = find()
                if training is not None:
                    self._models = {**self._models, place: (training.name, self._shelf.load(training))}
            except ModelError as error:
                self._refused.append(str(error))

    def _ask(self, place: str, seen: Fingerprint) -> dict[str, Any] | None:
        if place not in self._models:
            return None
        name, model = self._models[place]
        try:
            return {"training": name, "votes": [asdict(one) for one in model.vote(seen)]}
        except Exception as error:  # a file that passed every look and cannot answer all the same
            self._models = {key: one for key, one in self._models.items() if key != place}
            self._refused.append(f"the trained diagnosis {name} cannot answer: {error!r:.200}")
            return None
