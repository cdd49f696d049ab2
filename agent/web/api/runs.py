"""Runs: lists, and everything about one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from agent.records import Run, RunState, TaskEvent, Verdict
from agent.records.tokens import Scope
from agent.store.run_index import RunFilter, RunSummary
from agent.web.access import GuardedRoute, needs
from agent.web.answers import success
from agent.web.api.documented import Page, Success, reading
from agent.web.api.moment import Moment
from agent.web.api.paging import Before, Limit, next_page
from agent.web.parts import Agent

router = APIRouter(prefix="/api/v1/runs", route_class=GuardedRoute, tags=["runs"])

Id = Annotated[int, Path(ge=1, le=2**53)]
OfIncident = Annotated[int | None, Query(ge=1, le=2**53, description="only those of this incident")]
Remediation = Annotated[str | None, Query(max_length=64, description="only those of this remediation")]


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeRun:
    """A run with what Ansible did, oldest first."""

    run: Run
    events: Sequence[TaskEvent]


@router.get("", **needs(Scope.LOOK), **reading(Page[list[RunSummary]]))
def list_runs(
    request: Request,
    agent: Agent,
    incident: OfIncident = None,
    remediation: Remediation = None,
    state: RunState | None = None,
    verdict: Verdict | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    limit: Limit = 50,
    before: Before = None,
) -> Response:
    """List runs, the newest first."""
    wanted = RunFilter(
        incident_id=incident,
        remediation=remediation,
        state=state,
        verdict=verdict,
        since=since,
        until=until,
    )
    found = agent.stores.run_index.page(wanted, limit + 1, before)
    page = next_page(request, before=found[limit - 1].id) if len(found) > limit else None
    return success(request, found[:limit], next_page=page)


@router.get("/{run_id}", **needs(Scope.LOOK), **reading(Success[WholeRun], 404))
def show_run(request: Request, run_id: Id, agent: Agent) -> Response:
    """Show one run: its plan, its steps, what Ansible did, and what verification found."""
    run = agent.stores.runs.get(run_id)
    return success(request, WholeRun(run=run, events=agent.stores.runs.events(run_id)))
