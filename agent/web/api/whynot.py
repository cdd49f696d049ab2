"""Why was this not run: each remediation that fits an incident, each rule of the policy, each guard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from agent.decide.explanation import Explained
from agent.records import IncidentState
from agent.records.tokens import Scope
from agent.web.access import GuardedRoute, needs
from agent.web.answers import success
from agent.web.api.documented import Success, reading
from agent.web.parts import Agent, Parts

router = APIRouter(prefix="/api/v1/incidents", route_class=GuardedRoute, tags=["decisions"])

Id = Annotated[int, Path(ge=1, le=2**53)]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyNot:
    """Where an incident stands and why, and what each remediation that fits it would meet now."""

    incident_id: int
    state: IncidentState
    reason: str
    detail: str
    remediations: Sequence[Explained]


@router.get("/{incident_id}/why-not", **needs(Scope.LOOK), **reading(Success[WhyNot], 404))
def show_why_not(request: Request, incident_id: Id, agent: Agent) -> Response:
    """Say of each remediation that fits an incident what each rule of the policy and each guard says now."""
    return success(request, why_not(agent, incident_id))


def why_not(agent: Parts, incident_id: int) -> WhyNot:
    """Return why nothing, or nothing else, is run for an incident. Raises NotFoundError."""
    incident = agent.stores.incidents.get(incident_id)
    runs = agent.stores.runs.of_incident(incident_id)
    tried = {run.plan.remediation for run in runs if run.started_at is not None}
    explained = [] if incident.state.final else agent.explain(incident, tried)
    return WhyNot(
        incident_id=incident.id,
        state=incident.state,
        reason=incident.reason.text if incident.reason is not None else "",
        detail=incident.detail,
        remediations=explained,
    )
