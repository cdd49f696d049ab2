"""Incidents: lists, and everything about one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from agent.records import Approval, Incident, IncidentState, Run, RunRequest, TaskEvent, Transition
from agent.records.investigations import Investigation
from agent.records.tokens import Scope
from agent.store import Notification, Stores
from agent.store.incident_index import IncidentFilter, IncidentSummary
from agent.web.access import GuardedRoute, needs
from agent.web.answers import Content, success
from agent.web.api.documented import Page, Success, reading
from agent.web.api.moment import Moment
from agent.web.api.paging import Before, Limit, next_page
from agent.web.parts import Agent

router = APIRouter(prefix="/api/v1/incidents", route_class=GuardedRoute, tags=["incidents"])

Id = Annotated[int, Path(ge=1, le=2**53)]
States = Annotated[list[IncidentState], Query(description="only those in one of these states")]
Named = Annotated[str | None, Query(max_length=500)]
Since = Annotated[Moment | None, Query(description="opened at this time or later")]
Until = Annotated[Moment | None, Query(description="opened before this time")]


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeIncident:
    """Everything about one incident. ``events`` are what Ansible did, by the number of the run."""

    incident: Incident
    transitions: Sequence[Transition]
    runs: Sequence[Run]
    events: Mapping[str, Sequence[TaskEvent]]
    approval: Approval | None
    requests: Sequence[RunRequest]
    messages: Sequence[Notification]
    investigation: Investigation | None


@router.get("", **needs(Scope.LOOK), **reading(Page[list[IncidentSummary]]))
async def list_incidents(
    request: Request,
    agent: Agent,
    state: States = [],  # noqa: B006 (never changed; a list is what several values of a query are)
    entity: Named = None,
    host: Named = None,
    fault: Named = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    before: Before = None,
) -> Response:
    """List incidents, the newest first."""
    wanted = IncidentFilter(
        states=tuple(state), entity=entity, host=host, fault=fault, since=since, until=until
    )
    make = partial(_page, agent.stores, wanted, limit, before)
    content, last = await request.app.state.kept.get(str(request.url.query), make)
    page = next_page(request, before=last) if last is not None else None
    return success(request, content, next_page=page)


@router.get("/{incident_id}", **needs(Scope.LOOK), **reading(Success[WholeIncident], 404))
def show_incident(request: Request, incident_id: Id, agent: Agent) -> Response:
    """Show everything about one incident."""
    return success(request, whole_incident(agent.stores, incident_id))


def whole_incident(stores: Stores, incident_id: int) -> WholeIncident:
    """Return everything about one incident. Raises NotFoundError."""
    incident = stores.incidents.get(incident_id)
    runs = stores.runs.of_incident(incident_id)
    return WholeIncident(
        incident=incident,
        transitions=stores.incidents.transitions(incident_id),
        runs=runs,
        events={str(run.id): stores.runs.events(run.id) for run in runs},
        approval=stores.approvals.newest(incident_id),
        requests=stores.run_requests.of_incident(incident_id),
        messages=stores.notifications.of_incident(incident_id),
        investigation=stores.investigations.newest(incident_id),
    )


def _page(
    stores: Stores, wanted: IncidentFilter, limit: int, before: int | None
) -> tuple[Content, int | None]:
    """Return a page, and where the next one begins."""
    found = stores.incident_index.page(wanted, limit + 1, before)
    more = found[limit - 1].id if len(found) > limit else None
    return Content.of(found[:limit]), more
