"""Models on the shelf: which are in force, when and from what each was trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Request, Response

from agent.background.places import open_fault_shelf, open_shelf
from agent.detect.models.shelf import Generation
from agent.errors import ModelError
from agent.learn.faults.shelf import FaultTraining
from agent.modelshelf import Training
from agent.records.tokens import Scope
from agent.records.training import TrainingKind
from agent.web.access import GuardedRoute, needs
from agent.web.answers import success
from agent.web.api.documented import Success, reading
from agent.web.parts import Agent

router = APIRouter(prefix="/api/v1", route_class=GuardedRoute, tags=["models"])


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownModels:
    """One training's result. One that is ``beside`` is asked as well, compared, and acted on by nobody."""

    name: str
    kind: TrainingKind
    in_force: bool
    beside: bool
    made_at: datetime
    version: str
    trained_from: datetime
    trained_to: datetime
    models: int
    note: str


@router.get("/models", **needs(Scope.LOOK), **reading(Success[list[ShownModels]]))
def list_models(request: Request, agent: Agent) -> Response:
    """List what was trained, the newest first."""
    entities, faults = open_shelf(agent.settings), open_fault_shelf(agent.settings)
    current, named = _name_of(entities.current), _name_of(faults.current)
    beside = _name_of(faults.shadow)
    found = [_shown(one, "entity", one.note, one.name == current) for one in entities.generations()]
    found += [
        _shown(one, "diagnosis", one.why, one.name == named, one.name == beside)
        for one in faults.generations()
    ]
    return success(request, sorted(found, key=lambda one: one.made_at, reverse=True))


def _name_of(find: Callable[[], Training | None]) -> str:
    try:
        found = find()
    except ModelError:
        return ""  # what is wrong with it is in the status
    return found.name if found is not None else ""


def _shown(
    one: Generation | FaultTraining, kind: TrainingKind, note: str, in_force: bool, beside: bool = False
) -> ShownModels:
    return ShownModels(
        name=one.name,
        kind=kind,
        in_force=in_force,
        beside=beside,
        made_at=one.made_at,
        version=one.version,
        trained_from=one.trained_from,
        trained_to=one.trained_to,
        models=len(one.cards),
        note=note,
    )
