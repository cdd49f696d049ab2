"""What people decide about incidents."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from agent.records import Approval, Incident, RunRequest
from agent.records.tokens import Scope
from agent.web.access import GuardedRoute, needs
from agent.web.answers import success
from agent.web.api.documented import Success, answers
from agent.web.parts import Agent, Asker

router = APIRouter(prefix="/api/v1/incidents", route_class=GuardedRoute, tags=["decisions"])

Id = Annotated[int, Path(ge=1, le=2**53)]


class Comment(BaseModel):
    """Why, for those who read it later."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"comment": "seen on the graph"}]}
    )
    comment: str = Field(default="", max_length=2000)


class RemediationWanted(Comment):
    """Which remediation to run."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"remediation": "restart_service"}]}
    )
    remediation: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    override_cooldown: bool = Field(
        default=False, description="although it ran a short time ago; needs a comment"
    )


class Taking(Comment):
    """That somebody takes an incident."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"comment": "on my way", "take_over": False}]}
    )
    take_over: bool = Field(default=False, description="also when another person has it")


@router.post("/{incident_id}/acknowledge", **needs(Scope.DECIDE), **answers(Success[Incident], 404, 409))
def acknowledge(request: Request, incident_id: Id, body: Taking, agent: Agent, who: Asker) -> Response:
    """Take an incident that is for people: nobody further is called."""
    taken = agent.operator_actions.acknowledge(incident_id, who, body.comment, body.take_over)
    return success(request, taken)


@router.post("/{incident_id}/approve", **needs(Scope.DECIDE), **answers(Success[Approval], 404, 409))
def approve(request: Request, incident_id: Id, body: Comment, agent: Agent, who: Asker) -> Response:
    """Say yes to what an incident asks for."""
    return success(request, agent.operator_actions.vote(incident_id, True, who, body.comment))


@router.post("/{incident_id}/deny", **needs(Scope.DECIDE), **answers(Success[Approval], 404, 409))
def deny(request: Request, incident_id: Id, body: Comment, agent: Agent, who: Asker) -> Response:
    """Say no to what an incident asks for."""
    return success(request, agent.operator_actions.vote(incident_id, False, who, body.comment))


@router.post("/{incident_id}/close", **needs(Scope.DECIDE), **answers(Success[Incident], 404, 409))
def close(request: Request, incident_id: Id, body: Comment, agent: Agent, who: Asker) -> Response:
    """Close an incident by hand."""
    return success(request, agent.operator_actions.close(incident_id, who, body.comment))


@router.post(
    "/{incident_id}/cancel", **needs(Scope.DECIDE), **answers(Success[dict[str, int]], 404, status=202)
)
def cancel(request: Request, incident_id: Id, agent: Agent, who: Asker) -> Response:
    """Cancel the run that is at work for an incident."""
    return success(request, {"canceling_run": agent.operator_actions.cancel(incident_id, who)}, 202)


@router.post(
    "/{incident_id}/run", **needs(Scope.DECIDE), **answers(Success[RunRequest], 404, 409, status=202)
)
def run(request: Request, incident_id: Id, body: RemediationWanted, agent: Agent, who: Asker) -> Response:
    """Ask for a remediation by name; policy and guards decide, and answer with the incident."""
    asked = agent.operator_actions.ask_for_run(
        incident_id, body.remediation, who, body.comment, body.override_cooldown
    )
    return success(request, asked, 202)
