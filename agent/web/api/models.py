"""Models on the shelves: which are in force, when and from what each was trained, and another put there."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from agent.background.shelves import KINDS, Shelved, shelved
from agent.records.tokens import Scope
from agent.records.training import Move, TrainingKind
from agent.web.access import GuardedRoute, needs
from agent.web.answers import success
from agent.web.api.documented import Success, answers, reading
from agent.web.parts import Agent, Asker

router = APIRouter(prefix="/api/v1/models", route_class=GuardedRoute, tags=["models"])

Kind = Annotated[TrainingKind, Path(description="what the models are for")]


class MoveWanted(BaseModel):
    """Which training is to be put where."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"move": "promote", "training": "20261120T031200Z"}]}
    )
    move: Move = Field(
        description="promote: put it in force; rollback: go back to the one that was before; beside: ask it "
        "as well, compare it, and act on nothing that it says"
    )
    training: str | None = Field(
        default=None,
        pattern=r"^[0-9]{8}T[0-9]{6}Z(-[0-9]{1,3})?$",
        description="its name; none for rollback, and to have none run beside any more",
    )

    @model_validator(mode="after")
    def _names_what_it_moves(self) -> MoveWanted:
        if self.move == "promote" and self.training is None:
            raise ValueError("promote needs the name of a training; rollback goes back to the one before")
        if self.move == "rollback" and self.training is not None:
            raise ValueError("rollback takes no training; promote puts the one that is named in force")
        return self


@router.get("", **needs(Scope.LOOK), **reading(Success[list[Shelved]]))
def list_models(request: Request, agent: Agent) -> Response:
    """List what was trained, of all kinds, the newest first."""
    found = [one for kind in KINDS for one in shelved(agent.settings, kind)]
    return success(request, sorted(found, key=lambda one: one.made_at, reverse=True))


@router.post("/{kind}", **needs(Scope.ADMIN), **answers(Success[list[Shelved]], 404, 409))
def move_models(request: Request, kind: Kind, body: MoveWanted, agent: Agent, who: Asker) -> Response:
    """Put a training in force or beside the one that is, after all of its files were checked.

    ``opsmend models promote``, ``rollback`` and ``beside`` do the same. Answers what is on the shelf then.
    """
    agent.operator_actions.require(who, "administer")
    agent.trainer.move(kind, body.move, body.training)
    found = shelved(agent.settings, kind)
    name = next(
        (one.name for one in found if (one.beside if body.move == "beside" else one.in_force)), "none"
    )
    agent.stores.audit.note(
        agent.clock.now(), who.name, f"models: {body.move}", f"training {name}", kind=kind
    )
    return success(request, found)
