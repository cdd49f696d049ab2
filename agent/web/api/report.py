"""What incidents have in common."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from agent.investigation.retrospective import look_back
from agent.records.tokens import Scope
from agent.web.access import GuardedRoute, needs
from agent.web.answers import success
from agent.web.api.documented import Success, reading
from agent.web.parts import Agent

router = APIRouter(prefix="/api/v1", route_class=GuardedRoute, tags=["incidents"])

Days = Annotated[float, Query(ge=0.01, le=400, description="how far back")]
Limit = Annotated[int, Query(ge=1, le=50_000, description="at most so many incidents, newest first")]


@router.get("/report", **needs(Scope.LOOK), **reading(Success[dict[str, Any]]))
def report(request: Request, agent: Agent, days: Days = 30, limit: Limit = 5_000) -> Response:
    """Tell what the incidents of the last days have in common."""
    end = agent.clock.now()
    return success(request, look_back(agent.stores, end - timedelta(days=days), end, most=limit))
