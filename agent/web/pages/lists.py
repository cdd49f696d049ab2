"""Lists: incidents, anomalies, and who did what."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from agent.records import IncidentState
from agent.records.failures import LIKELIER, hosts_of
from agent.records.incidents import ACTIVE_STATES, FINAL_STATES
from agent.records.tokens import Scope
from agent.store.incident_index import IncidentFilter
from agent.web.access import GuardedRoute, needs
from agent.web.api.paging import next_page
from agent.web.pages.render import page
from agent.web.parts import Agent

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)

_PAGE = 50
_SHOWN: dict[str, tuple[str, tuple[IncidentState, ...]]] = {
    "": ("All", ()),
    "open": ("Not over", tuple(sorted(ACTIVE_STATES))),
    "yours": ("Need you", (IncidentState.AWAITING_APPROVAL, IncidentState.ESCALATED)),
    "over": ("Over", tuple(sorted(FINAL_STATES))),
}
Before = Annotated[int | None, Query(ge=1, le=2**53)]
Named = Annotated[str | None, Query(max_length=500)]


@router.get("/incidents", **needs(Scope.LOOK))
def list_incidents(
    request: Request, agent: Agent, show: str = "", before: Before = None, host: Named = None
) -> Response:
    """List incidents, the newest first."""
    chosen = show if show in _SHOWN else ""
    wanted = IncidentFilter(states=_SHOWN[chosen][1], host=host)
    found = agent.stores.incident_index.page(wanted, _PAGE + 1, before)
    more = next_page(request, before=found[_PAGE - 1].id) if len(found) > _PAGE else ""
    filters = [(key, text) for key, (text, _) in _SHOWN.items()]
    return page(
        request,
        "incidents.html",
        incidents=found[:_PAGE],
        filters=filters,
        chosen=chosen,
        more=more,
        host=host,
    )


@router.get("/anomalies", **needs(Scope.LOOK))
def list_anomalies(request: Request, agent: Agent) -> Response:
    """List what is anomalous now, the surest first."""
    found = sorted(agent.anomalies(), key=lambda one: (-one.confidence, one.opened_at))
    units = {name: signal.unit for name, signal in agent.current.book().signals.items()}
    return page(
        request,
        "anomalies.html",
        anomalies=found[:200],
        count=len(found),
        units=units,
        prometheus_url=agent.prometheus_url,
    )


@router.get("/forecasts", **needs(Scope.LOOK))
def list_forecasts(request: Request, agent: Agent) -> Response:
    """Show what is about to be used up, and how good earlier forecasts were."""
    kept, unknown = agent.stores.forecasts, agent.stores.failures.unknown(agent.clock.now())
    return page(
        request,
        "forecasts.html",
        open=kept.open(),
        over=kept.over(_PAGE),
        calibration=kept.calibration(),
        failures=[
            one
            for one in agent.stores.failures.open()
            if one.now >= LIKELIER * one.said.base and one.said.key not in unknown
        ][:_PAGE],
        not_known=hosts_of(unknown),
    )


@router.get("/audit", **needs(Scope.LOOK))
def list_audit(request: Request, agent: Agent, before: Before = None, subject: Named = None) -> Response:
    """List who did what, when and why."""
    found = agent.stores.audit.list(subject, _PAGE + 1, before)
    more = next_page(request, before=found[_PAGE - 1].id) if len(found) > _PAGE else ""
    return page(request, "audit.html", entries=found[:_PAGE], more=more, subject=subject)
