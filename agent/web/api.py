"""The routes of the HTTP API, version 1. Each calls the function that the command calls."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from agent.collect.alertmanager import parse_webhook
from agent.config.scalars import PositiveDuration
from agent.errors import AnswerError, NotFoundError
from agent.investigation.retrospective import look_back
from agent.metrics import ALERTS, exposition
from agent.records import IncidentState
from agent.response import Person
from agent.web.parts import Agent, Caller, Parts, answer, caller

router = APIRouter()
anywhere = APIRouter(include_in_schema=False)

Id = Annotated[int, Path(ge=1, le=2**53)]
ReportLimit = Annotated[int, Query(ge=1, le=50_000)]


class Comment(BaseModel):
    """Why, for those who read it later."""

    model_config = ConfigDict(extra="forbid")
    comment: str = Field(default="", max_length=2000)


class RunRequest(Comment):
    """Which remediation to run."""

    remediation: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")


class PauseRequest(Comment):
    """For how long; without it until somebody resumes."""

    duration: PositiveDuration | None = Field(default=None, alias="for")


@router.get("/healthz")
def health(agent: Agent) -> Response:
    """Say whether the agent polls as it should."""
    healthy = agent.healthy()
    return answer({"healthy": healthy}, 200 if healthy else 503)


@router.get("/metrics")
def metrics() -> Response:
    """Return the agent's own metrics."""
    return Response(exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/api/v1/status")
def show_status(agent: Agent, who: Caller) -> Response:
    """Say how the agent is."""
    return answer({"agent": agent.status(), "paused": agent.stores.pauses.current(agent.clock.now())})


@router.get("/api/v1/anomalies")
def list_anomalies(agent: Agent, who: Caller) -> Response:
    """List the anomalies that are open, the surest first."""
    return answer(sorted(agent.anomalies(), key=lambda one: (-one.confidence, one.opened_at)))


@router.get("/api/v1/incidents")
def list_incidents(
    agent: Agent,
    who: Caller,
    state: IncidentState | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    before: Annotated[int | None, Query(ge=1, le=2**53)] = None,
) -> Response:
    """List incidents, the newest first."""
    return answer(agent.stores.incidents.list([state] if state else [], limit, before))


@router.get("/api/v1/incidents/{incident_id}")
def show_incident(incident_id: Id, agent: Agent, who: Caller) -> Response:
    """Show everything about one incident."""
    stores = agent.stores
    runs = stores.runs.of_incident(incident_id)
    return answer(
        {
            "incident": stores.incidents.get(incident_id),
            "transitions": stores.incidents.transitions(incident_id),
            "runs": runs,
            "events": {str(run.id): stores.runs.events(run.id) for run in runs},
            "approval": stores.approvals.newest(incident_id),
            "messages": stores.notifications.of_incident(incident_id),
            "investigation": stores.investigations.newest(incident_id),
        }
    )


@router.get("/api/v1/report")
def report(
    agent: Agent, who: Caller, days: Annotated[float, Query(gt=0, le=400)] = 30, limit: ReportLimit = 5_000
) -> Response:
    """Tell what the incidents of the last days have in common."""
    end = agent.clock.now()
    return answer(look_back(agent.stores, end - timedelta(days=days), end, most=limit))


@router.post("/api/v1/incidents/{incident_id}/approve")
def approve(incident_id: Id, body: Comment, agent: Agent, who: Caller) -> Response:
    """Say yes to what an incident asks for."""
    return answer(agent.operator_actions.vote(incident_id, True, who, body.comment))


@router.post("/api/v1/incidents/{incident_id}/deny")
def deny(incident_id: Id, body: Comment, agent: Agent, who: Caller) -> Response:
    """Say no to what an incident asks for."""
    return answer(agent.operator_actions.vote(incident_id, False, who, body.comment))


@router.post("/api/v1/incidents/{incident_id}/close")
def close(incident_id: Id, body: Comment, agent: Agent, who: Caller) -> Response:
    """Close an incident by hand."""
    return answer(agent.operator_actions.close(incident_id, who, body.comment))


@router.post("/api/v1/incidents/{incident_id}/cancel")
def cancel(incident_id: Id, agent: Agent, who: Caller) -> Response:
    """Cancel the run that is at work for an incident."""
    return answer({"canceling_run": agent.operator_actions.cancel(incident_id, who)}, 202)


@router.post("/api/v1/incidents/{incident_id}/run")
def run(incident_id: Id, body: RunRequest, agent: Agent, who: Caller) -> Response:
    """Ask for a remediation by name."""
    agent.operator_actions.ask_for_run(incident_id, body.remediation, who)
    return answer({"asked_for": body.remediation}, 202)


@router.post("/api/v1/pause")
def pause(body: PauseRequest, agent: Agent, who: Caller) -> Response:
    """Start nothing new until resumed."""
    until = agent.clock.now() + body.duration if body.duration else None
    return answer(agent.operator_actions.pause(who, body.comment, until))


@router.post("/api/v1/resume")
def resume(agent: Agent, who: Caller) -> Response:
    """End a pause."""
    return answer({"was_paused": agent.operator_actions.resume(who)})


@router.post("/api/v1/alerts")
async def take_alerts(request: Request, agent: Agent, who: Caller) -> Response:
    """Take in the webhook of an Alertmanager. The answer comes once the alerts are kept."""
    body = await request.body()
    return await run_sync(_take_alerts, agent, who, body)


@anywhere.api_route("/{path:path}", methods=["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"])
async def take_alerts_anywhere(request: Request, agent: Agent) -> Response:
    """Take in the webhook at whatever path somebody has configured. The last of all routes."""
    nothing = f"there is nothing at {request.url.path}"
    if request.method != "POST":
        raise NotFoundError(nothing)
    who = caller(request)
    body = await request.body()
    try:
        return await run_sync(_take_alerts, agent, who, body)
    except AnswerError as error:
        raise NotFoundError(f"{nothing}, and {error}") from error


def _take_alerts(agent: Parts, who: Person, body: bytes) -> Response:
    agent.operator_actions.require(who, "alert")
    now = agent.clock.now()
    alerts = parse_webhook(body, now)
    changed = agent.stores.alerts.take(alerts, who.name, now)
    ALERTS.labels("changed").inc(changed)
    ALERTS.labels("known").inc(len(alerts) - changed)
    if changed:
        agent.alerts_arrived()
    # only now that they are in the store, synced, is the sender told that we have them
    return answer({"taken": len(alerts), "new": changed})
