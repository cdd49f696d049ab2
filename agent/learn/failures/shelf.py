"""The shelf of trained foresight: each training's weights and figures as numbers in its manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from agent import __version__
from agent.learn.failures.model import Bin, Figures, Foresight, Judged
from agent.modelshelf import ModelShelf, Written, moments


@dataclass(frozen=True, slots=True, kw_only=True)
class ForesightTraining:
    """One training's result, for each horizon; it learned from the time between these two."""

    name: str
    made_at: datetime
    version: str
    trained_from: datetime
    trained_to: datetime
    horizons: Sequence[Judged]
    cards: Sequence[Written] = ()


class ForesightShelf(ModelShelf[ForesightTraining]):
    """The trained foresight of one agent."""

    format = 2
    command = "opsmend train --failures"

    def put(
        self, horizons: Sequence[Judged], made_at: datetime, trained_from: datetime, trained_to: datetime
    ) -> ForesightTraining:
        """Keep a training and put it in force: it says itself for which horizons it is worth asking.

        Raises OSError.
        """

        def write(folder: Path, name: str) -> ForesightTraining:
            return ForesightTraining(
                name=name,
                made_at=made_at,
                version=__version__,
                trained_from=trained_from,
                trained_to=trained_to,
                horizons=horizons,
            )

        kept, manifest = self._keep(made_at, write)
        self._point_to(kept.name, manifest, made_at)
        self._forget_old({kept.name, *self._in_turn()[-2:]})
        return kept

    def _read(self, data: Mapping[str, Any]) -> ForesightTraining:
        fields: dict[str, Any] = {"name": data["name"], "version": data["version"]}
        fields |= moments(data, "made_at", "trained_from", "trained_to")
        return ForesightTraining(**fields, horizons=[_judged(one) for one in data["horizons"]])


def _judged(data: Mapping[str, Any]) -> Judged:
    foresight = Foresight(**data["foresight"]) if data["foresight"] is not None else None
    if foresight is not None:
        of_features = (foresight.weights, foresight.usual, foresight.missing)
        numbers = np.array(
            [*chain(*of_features), foresight.bias, *foresight.odds, *foresight.came, foresight.base],
            np.float64,
        )
        fits = (
            all(len(one) == len(foresight.features) for one in of_features)
            and len(foresight.odds) == len(foresight.came) > 0
        )
        if not fits or not np.isfinite(numbers).all():
            raise ValueError("a foresight whose weights are none")
    figures = data["figures"]
    if figures is not None:
        figures = Figures(**{**figures, "calibration": [Bin(**one) for one in figures["calibration"]]})
    return Judged(**{**data, "foresight": foresight, "figures": figures})
