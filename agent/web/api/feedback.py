"""What people say about anomalies and diagnoses."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from agent.records.feedback import Feedback, FeedbackKind
from agent.records.tokens import Scope
from agent.response.feedback_actions import FeedbackActions
from agent.web.access import GuardedRoute, needs
from agent.web.answers import success
from agent.web.api.documented import Success, answers, reading
from agent.web.api.moment import Moment
from agent.web.parts import Agent, Asker, Parts

router = APIRouter(prefix="/api/v1", route_class=GuardedRoute, tags=["feedback"])

AnomalyId = Annotated[str, Path(pattern=r"^[0-9a-f]{8}$")]
IncidentId = Annotated[int, Path(ge=1, le=2**53)]
Name = Annotated[str, Field(pattern=r"^([a-z][a-z0-9_]{0,63})?$")]
OfDiagnosis = Literal[
    FeedbackKind.RIGHT,
    FeedbackKind.WRONG,
    FeedbackKind.IT_WAS,
    FeedbackKind.FIXED_BY,
    FeedbackKind.BY_HAND,
]


class Note(BaseModel):
    """Why, for those who read it later."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"note": "the monthly report"}]}
    )
    note: str = Field(default="", max_length=2000)


class Missed(Note):
    """When something was strange of an entity, and nothing was said."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"entity": "web1", "from": "2026-03-01T10:00:00Z", "to": "2026-03-01T10:20:00Z"},
            ]
        },
    )
    entity: str = Field(min_length=1, max_length=500)
    since: Moment = Field(alias="from")
    until: Moment = Field(alias="to")


class OfIncident(Note):
    """What is said of a diagnosis: ``it_was`` names a fault, ``fixed_by`` a remediation.

    The note of ``by_hand`` holds the commands that a person typed. They are kept, and never carried out.
    """

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"kind": "it_was", "fault": "memory_leak"}]}
    )
    kind: OfDiagnosis
    fault: Name = ""
    remediation: Name = ""


@router.get("/feedback", **needs(Scope.LOOK), **reading(Success[list[Feedback]]))
def list_feedback(
    request: Request, agent: Agent, since: Moment | None = None, incident: int | None = None
) -> Response:
    """List what people said, the newest first."""
    return success(request, agent.stores.feedback.list(since=since, incident_id=incident))


@router.post("/anomalies/missed", **needs(Scope.DECIDE), **answers(Success[Feedback], status=201))
def missed(request: Request, body: Missed, agent: Agent, who: Asker) -> Response:
    """Say that something was strange and was not seen."""
    said = _actions(agent).missed(who, body.entity, body.since, body.until, body.note)
    return success(request, said, 201)


@router.post(
    "/anomalies/{anomaly_id}/wrong", **needs(Scope.DECIDE), **answers(Success[Feedback], 404, status=201)
)
def no_anomaly(request: Request, anomaly_id: AnomalyId, body: Note, agent: Agent, who: Asker) -> Response:
    """Say that an open anomaly is none."""
    return success(request, _actions(agent).no_anomaly(who, anomaly_id, agent.anomalies(), body.note), 201)


@router.post(
    "/incidents/{incident_id}/feedback", **needs(Scope.DECIDE), **answers(Success[Feedback], 404, status=201)
)
def of_incident(
    request: Request, incident_id: IncidentId, body: OfIncident, agent: Agent, who: Asker
) -> Response:
    """Say what an incident was, or what fixed it."""
    said = _actions(agent).about_incident(
        who, incident_id, FeedbackKind(body.kind), body.fault, body.remediation, body.note
    )
    return success(request, said, 201)


def _actions(agent: Parts) -> FeedbackActions:
    return FeedbackActions(agent.stores, agent.operator_actions, agent.clock)
