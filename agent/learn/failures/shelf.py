"""The shelf of trained foresight: of each training its figures, and its weights as plain numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from agent import __version__
from agent.errors import ModelError
from agent.learn.failures.model import Bin, Figures, Foresight, Judged
from agent.modelfiles import Written, read_checked
from agent.modelshelf import ModelShelf, moments

_FILE = "00000.json"
_NUMBERS = {"horizon_s": float, "bias": float, "base": float}
_OF_FEATURES = ("weights", "usual", "missing")
_LISTS = {"features": str, "odds": float, "came": float, **dict.fromkeys(_OF_FEATURES, float)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ForesightTraining:
    """One training's result, for each horizon but for its weights; it learned from between two times.

    ``why`` says why it was put in force or not, in comparison with the one that was then.
    """

    name: str
    made_at: datetime
    version: str
    trained_from: datetime
    trained_to: datetime
    why: str
    horizons: Sequence[Judged]
    cards: Sequence[Written]


class ForesightShelf(ModelShelf[ForesightTraining]):
    """The trained foresight of one agent."""

    kind = "failures"
    format = 3
    command = "opsmend train --failures"

    def put(
        self, horizons: Sequence[Judged], training: Mapping[str, Any], *, in_force: bool
    ) -> ForesightTraining:
        """Write a training with its times and why; put it in force, or beside the one that is.

        Raises ModelError when it holds what this shelf would not read again, OSError.
        """

        def write(folder: Path, name: str) -> ForesightTraining:
            foresights = [asdict(one.foresight) for one in horizons if one.foresight is not None]
            content = orjson.dumps(foresights)
            try:
                list(map(_foresight, orjson.loads(content)))
            except (KeyError, TypeError, ValueError) as error:
                raise self._no_model(_FILE, error) from error
            card = self._write_content(folder / _FILE, content)
            fields: dict[str, Any] = {**training, "name": name, "version": __version__}
            told = [replace(one, foresight=None) for one in horizons]
            return ForesightTraining(**fields, horizons=told, cards=[card])

        return self._keep(training["made_at"], write, in_force=in_force)

    def check(self, training: ForesightTraining) -> None:
        """Raise ModelError when its file is not exactly what was written, or holds no weights."""
        self.load(training)

    def load(self, training: ForesightTraining) -> list[Judged]:
        """Return what came of a training, with the weights. Raises ModelError as ``check`` does."""
        if len(training.cards) != 1:
            raise ModelError(f"{self.folder / training.name} is refused: it holds not one model")
        file = self.folder / training.name / training.cards[0].file
        content = read_checked(file, training.cards[0])
        try:
            found = {one.horizon_s: one for one in map(_foresight, orjson.loads(content))}
            if any(one.worth_asking and one.horizon_s not in found for one in training.horizons):
                raise ValueError("a horizon has no weights")
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise self._no_model(file, error) from error
        return [replace(one, foresight=found.get(one.horizon_s)) for one in training.horizons]

    def _read(self, data: Mapping[str, Any]) -> ForesightTraining:
        fields: dict[str, Any] = {key: data[key] for key in ("name", "version", "why")}
        fields |= moments(data, "made_at", "trained_from", "trained_to")
        return ForesightTraining(
            **fields,
            horizons=[_horizon(one) for one in data["horizons"]],
            cards=[Written(**card) for card in data["cards"]],
        )


def _horizon(data: Mapping[str, Any]) -> Judged:
    if (figures := data["figures"]) is not None:
        figures = Figures(**{**figures, "calibration": [Bin(**one) for one in figures["calibration"]]})
    return Judged(**{**data, "foresight": None, "figures": figures})


def _foresight(data: Mapping[str, Any]) -> Foresight:
    """Return a foresight. Raises KeyError, TypeError, ValueError when it is none."""
    if set(data) != {*_NUMBERS, *_LISTS}:
        raise ValueError("other fields than those of a foresight")
    fields: dict[str, Any] = {name: of(data[name]) for name, of in _NUMBERS.items()}
    fields |= {name: [of(one) for one in data[name]] for name, of in _LISTS.items()}
    one = Foresight(**fields)
    of_features = [fields[name] for name in _OF_FEATURES]
    numbers = np.array([*chain(*of_features), one.bias, *one.odds, *one.came, one.base, one.horizon_s])
    fits = all(len(of) == len(one.features) for of in of_features) and len(one.odds) == len(one.came) > 0
    if not fits or not np.isfinite(numbers).all():
        raise ValueError("a foresight whose weights are none")
    chances = np.array([*one.came, one.base])
    falls = (np.diff(one.odds) < 0).any() or (np.diff(one.came) < 0).any()
    if falls or chances.min() < 0 or chances.max() > 1:
        raise ValueError("a foresight whose steps are none")
    return one
