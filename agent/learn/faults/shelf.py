"""The shelf of trained diagnosis: a model of each training, one in force, one beside it that is compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from agent import __version__
from agent.errors import ModelError
from agent.learn.faults.evaluation import Bin, Figures, OfFault
from agent.learn.faults.model import FaultModel, from_state
from agent.modelfiles import Written
from agent.modelshelf import ModelShelf, installed, moments

# what scikit-learn's classifiers are made of beside what skops knows to be harmless
TRUSTED_PARTS = (
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultTraining:
    """One training's result: from what, which algorithm was best, and how good it is on what was held back.

    It learned from incidents up to ``trained_to``. ``data`` is the SHA-256 of all examples, ``why`` says why
    it was put in force or not, in comparison with the one that was then.
    """

    name: str
    made_at: datetime
    version: str
    trained_from: datetime
    trained_to: datetime
    algorithm: str
    parameters: Mapping[str, Any]
    temperature: float
    features: int
    examples: int
    origins: Mapping[str, int]
    faults: Sequence[str]
    data: str
    figures: Figures
    why: str
    cards: Sequence[Written]
    libraries: Mapping[str, str] = field(default_factory=dict)


class FaultShelf(ModelShelf[FaultTraining]):
    """The trained diagnosis of one agent."""

    kind = "diagnosis"
    format = 1
    command = "opsmend train --diagnosis"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, TRUSTED_PARTS)

    def put(self, model: FaultModel, training: Mapping[str, Any], *, in_force: bool) -> FaultTraining:
        """Write a model with the fields of its training; put it in force, or beside the one in force.

        Raises ModelError when it cannot be kept, OSError.
        """

        def write(folder: Path, name: str) -> FaultTraining:
            card = self._write_state(folder, 0, model.state(), "the trained diagnosis")
            fields: dict[str, Any] = {**training, "name": name, "version": __version__}
            return FaultTraining(**fields, cards=[card], libraries=installed())

        return self._keep(training["made_at"], write, in_force=in_force)

    def check(self, training: FaultTraining) -> None:
        """Raise ModelError when its file is not exactly what was written, or cannot answer."""
        self.load(training)

    def load(self, training: FaultTraining) -> FaultModel:
        """Read a model. Raises ModelError when its file is not exactly what was written, or cannot answer."""
        if len(training.cards) != 1:
            raise ModelError(f"{self.folder / training.name} is refused: it holds not one model")
        file = self.folder / training.name / training.cards[0].file
        state = self._read_state(file, training.cards[0])
        try:
            return from_state(state)
        except Exception as error:  # whatever an object of another shape makes of our questions
            raise self._no_model(file, error) from error

    def _read(self, data: Mapping[str, Any]) -> FaultTraining:
        names = ("name", "version", "algorithm", "parameters", "temperature", "features", "examples")
        rest = {key: data[key] for key in (*names, "origins", "faults", "data", "why", "libraries")}
        fields: dict[str, Any] = {**rest, **moments(data, "made_at", "trained_from", "trained_to")}
        return FaultTraining(
            **fields,
            figures=figures_of(data["figures"]),
            cards=[Written(**card) for card in data["cards"]],
        )


def figures_of(data: Mapping[str, Any]) -> Figures:
    """Return figures that a manifest holds. Raises KeyError, TypeError."""
    fields = {**data, "faults": [OfFault(**one) for one in data["faults"]]}
    return Figures(**{**fields, "calibration": [Bin(**one) for one in data["calibration"]]})
