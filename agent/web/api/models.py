"""Models on the shelf: which are in force, when and from what each was trained."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Request, Response

from agent.background.places import open_shelf
from agent.detect.models.shelf import Generation
from agent.errors import ModelError
from agent.records.tokens import Scope
from agent.web.access import GuardedRoute, needs
from agent.web.answers import success
from agent.web.api.documented import Success, reading
from agent.web.parts import Agent

router = APIRouter(prefix="/api/v1", route_class=GuardedRoute, tags=["models"])


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownModels:
    """One training's result."""

    name: str
    kind: str
    in_force: bool
    made_at: datetime
    version: str
    trained_from: datetime
    trained_to: datetime
    models: int
    note: str


@router.get("/models", **needs(Scope.LOOK), **reading(Success[list[ShownModels]]))
def list_models(request: Request, agent: Agent) -> Response:
    """List what was trained, the newest first."""
    shelf = open_shelf(agent.settings)
    try:
        current = shelf.current()
    except ModelError:
        current = None  # what is wrong with it is in the status
    name = current.name if current is not None else ""
    return success(request, [_shown(one, one.name == name) for one in shelf.generations()])


def _shown(one: Generation, in_force: bool) -> ShownModels:
    return ShownModels(
        name=one.name,
        kind="entity",
        in_force=in_force,
        made_at=one.made_at,
        version=one.version,
        trained_from=one.trained_from,
        trained_to=one.trained_to,
        models=len(one.cards),
        note=one.note,
    )
