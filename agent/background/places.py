"""Settings in, what the processes beside the agent go by out: the shelves and the models' section."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agent.config.models import ModelsSection
from agent.config.settings import Settings
from agent.detect.models.shelf import Shelf, detectors_of
from agent.learn.failures.shelf import ForesightShelf
from agent.learn.faults.shelf import FaultShelf
from agent.modelshelf import ModelShelf
from agent.records.training import TrainingKind


def open_shelf(settings: Settings) -> Shelf:
    """Return the shelf of an agent, in its state folder."""
    return Shelf(settings.agent.state_dir / "models", detectors_of(settings.detect.models.members))


def open_fault_shelf(settings: Settings) -> FaultShelf:
    """Return the shelf of an agent's trained diagnosis, in its state folder."""
    return FaultShelf(settings.agent.state_dir / "models" / "diagnosis")


def open_foresight_shelf(settings: Settings) -> ForesightShelf:
    """Return the shelf of an agent's trained foresight, in its state folder."""
    return ForesightShelf(settings.agent.state_dir / "models" / "failures")


def shelf_of(settings: Settings, kind: TrainingKind) -> ModelShelf[Any]:
    """Return an agent's shelf of a kind of models."""
    return _OF_KIND[kind](settings)


def has_trained_diagnosis(settings: Settings) -> bool:
    """Return whether a trained diagnosis is in force, and wanted."""
    return settings.learn.diagnosis.enabled and open_fault_shelf(settings).stamp() is not None


def section_of(settings: Settings) -> ModelsSection:
    """Return the settings of the models; their step is no shorter than a poll."""
    section = settings.detect.models
    return section.model_copy(update={"step": max(section.step, settings.collect.poll)})


_OF_KIND: Mapping[TrainingKind, Callable[[Settings], ModelShelf[Any]]] = {
    "entity": open_shelf,
    "diagnosis": open_fault_shelf,
    "failures": open_foresight_shelf,
}
