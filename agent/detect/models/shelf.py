"""The shelf of entity models: what each training learned of which entity, and one file for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from agent import __version__
from agent.detect.models.catalog import BY_NAME
from agent.detect.models.entitymodel import EntityModel
from agent.errors import ModelError
from agent.modelshelf import ModelShelf, installed, moments

# what PyOD's detectors are made of beside themselves and what skops knows to be harmless
TRUSTED_PARTS = (
    "pyod.models.kpca.PyODKernelPCA",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.neighbors._ball_tree.BallTree",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.tree._tree.Tree",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What the manifest says of one entity's file."""

    file: str
    entity: str
    series: int
    members: Mapping[str, float]  # and their weights
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One training's result: when it was made, from what, and a card for each entity."""

    name: str
    made_at: datetime
    version: str
    step_s: float
    trained_from: datetime
    trained_to: datetime
    note: str
    cards: Sequence[Card]
    libraries: Mapping[str, str] = field(default_factory=dict)

    @property
    def why(self) -> str:
        """Return what has to be said of it."""
        return self.note


class Shelf(ModelShelf[Generation]):
    """The entity models of one agent. ``detectors`` are the class paths that its settings name: trusted."""

    kind = "entity"
    format = 2
    command = "opsmend train"

    def __init__(self, folder: Path, detectors: Iterable[str] = ()) -> None:
        super().__init__(folder, [*TRUSTED_PARTS, *(path for path in detectors if path not in BY_NAME)])

    def put(
        self,
        models: Iterable[EntityModel],
        *,
        made_at: datetime,
        trained_from: datetime,
        trained_to: datetime,
        note: str = "",
        in_force: bool = True,
    ) -> Generation:
        """Write models and put them in force, or beside those that are.

        Raises ModelError when one cannot be kept, OSError.
        """

        def write(folder: Path, name: str) -> Generation:
            cards, step_s = self._write(models, folder)
            return Generation(
                name=name,
                made_at=made_at,
                version=__version__,
                step_s=step_s,
                trained_from=trained_from,
                trained_to=trained_to,
                note=note,
                cards=cards,
                libraries=installed(),
            )

        return self._keep(made_at, write, in_force=in_force)

    def load(self, generation: Generation) -> Iterator[EntityModel | ModelError]:
        """Yield each model, or why its file is refused; the others are none the worse for it."""
        for card in generation.cards:
            try:
                yield self.load_one(generation, card)
            except ModelError as error:
                yield error

    def load_one(self, generation: Generation, card: Card) -> EntityModel:
        """Read one model. Raises ModelError when the file is not exactly what was written."""
        file = self.folder / generation.name / card.file
        foreign = [name for name in card.members if name not in BY_NAME]
        if foreign and generation.libraries != (now := installed()):
            changed = ", ".join(sorted(dict(generation.libraries.items() ^ now.items())))
            raise ModelError(f"{file} is refused: {foreign[0]} was kept with another {changed}; train again")
        state = self._read_state(file, card)
        try:
            model = EntityModel.from_state(state)
        except Exception as error:  # of another shape than ours
            raise self._no_model(file, error) from error
        if model.entity != card.entity:
            raise ModelError(f"{file} is refused: it is the model of another entity")
        return model

    def _write(self, models: Iterable[EntityModel], folder: Path) -> tuple[list[Card], float]:
        cards: list[Card] = []
        step_s = 0.0
        for number, model in enumerate(models):
            written = self._write_state(folder, number, model.state(), f"the model of {model.entity}")
            step_s = model.plan.step_s
            cards.append(
                Card(
                    file=written.file,
                    entity=model.entity,
                    series=len(model.keys),
                    members=dict(model.fusion.weights),
                    sha256=written.sha256,
                    size=written.size,
                )
            )
        return cards, step_s

    def _read(self, data: Mapping[str, Any]) -> Generation:
        cards = [Card(**card) for card in data["cards"]]
        rest = {key: data[key] for key in ("name", "version", "step_s", "note", "libraries")}
        fields: dict[str, Any] = {**rest, **moments(data, "made_at", "trained_from", "trained_to")}
        return Generation(**fields, cards=cards)


def detectors_of(members: Iterable[str]) -> list[str]:
    """Return the members that are class paths."""
    return [name for name in members if name not in BY_NAME]
