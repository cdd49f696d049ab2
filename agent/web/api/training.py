"""Trainings of models: asked for by administrators, followed by whoever may look."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from agent.records.tokens import Scope
from agent.records.training import TrainingJob, TrainingKind
from agent.web.access import GuardedRoute, needs
from agent.web.answers import success
from agent.web.api.documented import Success, answers, reading
from agent.web.parts import Agent, Asker

router = APIRouter(prefix="/api/v1/aiops/model-training", route_class=GuardedRoute, tags=["job platform"])

Id = Annotated[int, Path(ge=1, le=2**53)]


class TrainingWanted(BaseModel):
    """What is to be trained."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"kind": "entity"}]})
    kind: TrainingKind = Field(
        default="entity",
        description="entity: what whole hosts and services are like; diagnosis: which fault it is, from past "
        "incidents; failures: how likely hosts fail ahead",
    )


@router.post("", **needs(Scope.ADMIN), **answers(Success[TrainingJob], status=202))
def train(request: Request, body: TrainingWanted, agent: Agent, who: Asker) -> Response:
    """Start a training, as ``opsmend train`` does; Location says where to follow it.

    The others are ``opsmend train --diagnosis`` and ``--failures``. While one is at work that one is
    answered: there is one at a time.
    """
    agent.operator_actions.require(who, "administer")
    job = agent.trainer.request(who.name, body.kind)
    subject = f"training {job.id}"
    agent.stores.audit.note(agent.clock.now(), who.name, "training asked for", subject, kind=body.kind)
    return success(request, job, 202, Location=f"{router.prefix}/{job.id}")


@router.get("", **needs(Scope.LOOK), **reading(Success[list[TrainingJob]]))
def list_trainings(request: Request, agent: Agent) -> Response:
    """List the trainings since the agent was started, the newest first."""
    return success(request, agent.trainer.jobs())


@router.get("/{training_id}", **needs(Scope.LOOK), **reading(Success[TrainingJob], 404))
def show_training(request: Request, training_id: Id, agent: Agent) -> Response:
    """Show how far a training is, and what came of it."""
    return success(request, agent.trainer.job(training_id))
