"""Who did what, when and why."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from agent.records.tokens import Scope
from agent.store import AuditEntry, ChainState
from agent.web.access import GuardedRoute, needs
from agent.web.answers import success
from agent.web.api.documented import Page, Success, reading
from agent.web.api.paging import Before, Limit, next_page
from agent.web.parts import Agent

router = APIRouter(prefix="/api/v1", route_class=GuardedRoute, tags=["audit"])

Head = Annotated[str | None, Query(max_length=64, description="a hash noted earlier: finds what was cut off")]
Subject = Annotated[str | None, Query(max_length=64, description="only about this, such as 'incident 7'")]


@router.get("/audit", **needs(Scope.LOOK), **reading(Page[list[AuditEntry]]))
def list_entries(
    request: Request, agent: Agent, subject: Subject = None, limit: Limit = 100, before: Before = None
) -> Response:
    """List what people and the agent did, the newest first."""
    entries = agent.stores.audit.list(subject, limit + 1, before)
    page = next_page(request, before=entries[limit - 1].id) if len(entries) > limit else None
    return success(request, entries[:limit], next_page=page)


@router.get("/audit/chain", **needs(Scope.LOOK), **reading(Success[ChainState]))
def verify_chain(request: Request, agent: Agent, head: Head = None) -> Response:
    """Walk the chain of hashes of all entries: what it proves, and the first entry that is wrong."""
    return success(request, agent.stores.audit.verify(head))
