"""The name of a member as it stands in the settings in, a model that has learned nothing yet out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agent.detect.models.autoencoder import Autoencoder
from agent.detect.models.forest import IsolationForest
from agent.detect.models.lstm import LstmAutoencoder, is_available
from agent.detect.models.member import EntityModel, Stateful
from agent.detect.models.nearest import Nearest
from agent.detect.models.oneclass import OneClass
from agent.detect.models.pca import PcaReconstruction
from agent.detect.models.pyoddetector import NamedDetector
from agent.detect.models.relations import Relations
from agent.environment import where_extra_is

LSTM = "lstm"
BY_NAME: Mapping[str, type[Stateful]] = {
    "isolation_forest": IsolationForest,
    "one_class_svm": OneClass,
    "autoencoder": Autoencoder,
    "nearest": Nearest,
    "relations": Relations,
    "pca": PcaReconstruction,
    LSTM: LstmAutoencoder,
}


def make_member(name: str) -> Stateful:
    """Return a member by its name, or by the class path of a detector of PyOD."""
    kind = BY_NAME.get(name)
    if kind is None:
        return NamedDetector(name)
    made: Callable[[], Stateful] = kind
    return made()


def restore_member(name: str, state: Mapping[str, Any]) -> Stateful:
    """Return a member from its state."""
    return BY_NAME.get(name, NamedDetector).from_state(state)


def available(names: Sequence[str]) -> tuple[list[str], str]:
    """Return the members that can be trained here, and a note when one cannot: the ensemble does without."""
    if LSTM in names and not is_available():
        note = f"without the LSTM autoencoder: {where_extra_is('deep')}"
        return [name for name in names if name != LSTM], note
    return list(names), ""


__all__ = ["BY_NAME", "LSTM", "EntityModel", "available", "make_member", "restore_member"]
