"""Why nothing, or nothing else, is run for an incident, on one page."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from agent.records.tokens import Scope
from agent.web.access import GuardedRoute, needs
from agent.web.api.whynot import why_not
from agent.web.pages.render import page
from agent.web.parts import Agent

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)

Id = Annotated[int, Path(ge=1, le=2**53)]


@router.get("/incidents/{incident_id}/why-not", **needs(Scope.LOOK))
def show_why_not(request: Request, incident_id: Id, agent: Agent) -> Response:
    """Show what each rule of the policy and each guard says to each remediation."""
    incident = agent.stores.incidents.get(incident_id)
    return page(request, "why_not.html", incident=incident, told=why_not(agent, incident_id))
