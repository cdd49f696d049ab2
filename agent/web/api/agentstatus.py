"""How the agent is."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from agent.records.tokens import Scope
from agent.web.access import GuardedRoute, needs
from agent.web.answers import success
from agent.web.api.documented import Success, reading
from agent.web.parts import Agent

router = APIRouter(prefix="/api/v1", route_class=GuardedRoute, tags=["agent"])


@router.get("/status", **needs(Scope.LOOK), **reading(Success[dict[str, Any]]))
def show_status(request: Request, agent: Agent) -> Response:
    """Say how the agent is: mode, polls, sources, models, trouble, pauses, and incidents by state."""
    pauses = agent.stores.pauses.in_force(agent.clock.now())
    paused = next((one for one in pauses if one.scope.is_everything), None)
    counts = agent.stores.incident_index.counts()
    return success(
        request,
        {"agent": agent.status() or None, "paused": paused, "pauses": pauses, "incidents": counts},
    )
