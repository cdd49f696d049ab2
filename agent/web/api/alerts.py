"""Alerts that an Alertmanager hands in, at the path of the API or at any other that is configured."""

from __future__ import annotations

from dataclasses import asdict

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response

from agent.errors import AnswerError, NotFoundError
from agent.records.tokens import Scope
from agent.response import Person
from agent.web.access import GuardedRoute, needs, public
from agent.web.answers import success
from agent.web.api.documented import Success, answers
from agent.web.parts import Agent, Asker, Parts

router = APIRouter(route_class=GuardedRoute, tags=["alerts"])

_EVERYTHING_ELSE = ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"]
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"type": "object", "required": ["version", "alerts"]},
                "example": {
                    "version": "4",
                    "alerts": [
                        {
                            "status": "firing",
                            "labels": {"alertname": "HostDown", "instance": "web1:9100"},
                            "annotations": {"summary": "web1 does not answer"},
                            "startsAt": "2026-11-28T03:12:00Z",
                        }
                    ],
                },
            }
        },
    }
}
_ROUTE = needs(Scope.ALERT)
_ROUTE["openapi_extra"] |= _BODY


@router.post("/api/v1/alerts", **_ROUTE, **answers(Success[dict[str, int]], 400))
async def take_alerts(request: Request, agent: Agent, who: Asker) -> Response:
    """Take in the webhook of an Alertmanager. The answer comes once the alerts are kept."""
    body = await request.body()
    return await run_sync(_take_alerts, request, agent, who, body)


@router.post("/{path:path}", include_in_schema=False, **needs(Scope.ALERT))
async def take_alerts_anywhere(request: Request, agent: Agent, who: Asker) -> Response:
    """Take in the webhook at whatever path somebody has configured. The last of all routes."""
    body = await request.body()
    try:
        return await run_sync(_take_alerts, request, agent, who, body)
    except AnswerError as error:
        raise NotFoundError(f"there is nothing at {request.url.path}, and {error}") from error


@router.api_route("/{path:path}", methods=_EVERYTHING_ELSE, include_in_schema=False, **public())
async def nothing_there(request: Request) -> Response:
    """Say that there is nothing."""
    raise NotFoundError(f"there is nothing at {request.url.path}")


def _take_alerts(request: Request, agent: Parts, who: Person, body: bytes) -> Response:
    agent.operator_actions.require(who, "alert")
    found = agent.alerts.take(body, who.name, agent.clock.now())
    if found.new or found.truncated:
        agent.alerts_arrived()
    # only now that they are in the store, synced, is the sender told that we have them
    return success(request, asdict(found))
