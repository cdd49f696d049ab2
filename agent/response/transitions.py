"""An incident and its new state in; written with its reason, and logged when it is news."""

from __future__ import annotations

from dataclasses import replace

from agent.clock import Clock
from agent.log import Logger
from agent.reasons import Reason
from agent.records import Incident, IncidentState
from agent.store import Stores

log = Logger("response")

ACTOR = "opsmend"
"""Who acts when no person does."""


def transition(
    stores: Stores,
    clock: Clock,
    incident: Incident,
    state: IncidentState,
    reason: Reason | None,
    detail: str = "",
) -> None:
    """Write an incident's new state with its reason, and log it when that is news."""
    if (incident.state, incident.reason, incident.detail) == (state, reason, detail):
        return
    now = clock.now()
    told = (incident.state, incident.reason) != (state, reason)
    moved = replace(
        incident,
        state=state,
        reason=reason,
        detail=detail,
        updated_at=now,
        closed_at=now if state.final else None,
    )
    stores.incidents.save(moved, ACTOR)
    if told:
        log.info(
            f"incident {state.value.replace('_', ' ')}",
            incident=incident.id,
            title=incident.title,
            reason=reason,
            detail=detail,
        )
