"""What incidents have in common."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from agent.investigation.retrospective import MOST, look_back
from agent.records.tokens import Scope
from agent.web.access import GuardedRoute, needs
from agent.web.answers import success
from agent.web.api.documented import Success, reading
from agent.web.parts import Agent

router = APIRouter(prefix="/api/v1", route_class=GuardedRoute, tags=["incidents"])

Days = Annotated[float, Query(ge=1e-5, le=4000, description="how far back")]
Limit = Annotated[int, Query(ge=1, le=MOST, description="at most so many incidents, newest first")]


@router.get("/report", **needs(Scope.LOOK), **reading(Success[dict[str, Any]]))
def report(request: Request, agent: Agent, days: Days = 30, limit: Limit = 5_000) -> Response:
    """Tell what the incidents of the last days have in common."""
    end = agent.clock.now()
    found = look_back(agent.stores, end - timedelta(days=days), end, limit)
    return success(request, {"name": agent.settings.agent.name, **found})
