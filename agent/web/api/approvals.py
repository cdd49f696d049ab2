"""Requests for approval: what is asked, of whom there are how many still to say yes, and what was said."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from agent.records import Approval
from agent.records.tokens import Scope
from agent.web.access import GuardedRoute, needs
from agent.web.answers import success
from agent.web.api.documented import Page, reading
from agent.web.api.paging import Before, Limit, next_page
from agent.web.parts import Agent

router = APIRouter(prefix="/api/v1/approvals", route_class=GuardedRoute, tags=["decisions"])

State = Annotated[
    Literal["pending", "approved", "used", "denied", "expired", "lapsed", "withdrawn"] | None,
    Query(description="only those in this state; pending ones wait for somebody"),
]


@router.get("", **needs(Scope.LOOK), **reading(Page[list[Approval]]))
def list_approvals(
    request: Request, agent: Agent, state: State = None, limit: Limit = 50, before: Before = None
) -> Response:
    """List requests for approval, the newest first."""
    found = agent.stores.approvals.page(state, limit + 1, before)
    page = next_page(request, before=found[limit - 1].id) if len(found) > limit else None
    return success(request, found[:limit], next_page=page)
