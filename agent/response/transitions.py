"""An incident and its new state in; written with its reason and messages, and logged when it is news."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from agent.log import Logger
from agent.reasons import Reason
from agent.records import Ask, Incident, IncidentState, NotNow, Option, RunRequest
from agent.response.escalation import APPROVAL, ESCALATED, OVER, RECOVERED
from agent.store import (
    Message,
    drop_messages,
    move_incident,
    put_messages,
    told_targets,
    withdraw_approvals,
    withdraw_requests,
)

log = Logger("response")

ACTOR = "opsmend"
"""Who acts when no person does."""


def transition(
    connection: Any,
    incident: Incident,
    state: IncidentState,
    reason: Reason | None,
    detail: str,
    now: datetime,
    *,
    actor: str = ACTOR,
    seen: bool = False,
    waits_until: datetime | None = None,
    options: tuple[Option, ...] = (),
    messages: Iterable[Message] = (),
) -> Incident:
    """Write an incident's new state, its reason and messages into a transaction of the caller's.

    Once people have it, or it is over, nothing is asked any more. Once it is not for people any more nobody
    further is called, and once it is over whoever heard of it hears that. Raises ConflictError when it has
    to be as it was ``seen`` and is not.
    """
    moved = move_incident(
        connection,
        incident.id,
        state,
        reason,
        detail,
        now,
        actor,
        seen=incident if seen else None,
        waits_until=waits_until,
        options=options,
    )
    if state.settled and incident.state is not state:
        withdraw_approvals(connection, incident.id, now)
        drop_messages(connection, incident.id, APPROVAL)
    if state is not IncidentState.ESCALATED:
        drop_messages(connection, incident.id, ESCALATED)
    if state.final:
        withdraw_requests(connection, incident.id, f"the incident is {state.value}", now)
        _tell_that_it_is_over(connection, moved, now)
    put_messages(connection, incident.id, messages, now)
    return moved


def standing_with(
    incident: Incident, answer: NotNow | Ask, request: RunRequest | None
) -> tuple[IncidentState, Reason | None, str]:
    """Return state, reason and detail of an incident while it waits, for time or for people.

    What a person asked for is no state of it: what people have stays theirs, and else it is held.
    """
    if request is None:
        waits = IncidentState.AWAITING_APPROVAL if isinstance(answer, Ask) else IncidentState.HELD
        return waits, answer.reason, answer.detail
    if incident.state is IncidentState.ESCALATED:
        return incident.state, incident.reason, incident.detail
    asked = f"{request.person.name} asked for {request.remediation}"
    if isinstance(answer, Ask):
        return IncidentState.HELD, Reason.RUN_REQUESTED, f"{asked}, which somebody has to approve"
    return IncidentState.HELD, answer.reason, f"{asked}: {answer.detail or answer.reason.text}"


def _tell_that_it_is_over(connection: Any, incident: Incident, now: datetime) -> None:
    kind = RECOVERED if incident.state is IncidentState.RECOVERED else OVER
    told = told_targets(connection, incident.id)
    put_messages(connection, incident.id, [Message(kind=kind, target=target) for target in told], now)


def log_transition(before: Incident, after: Incident) -> None:
    """Log a new state or reason, once it is written."""
    if (before.state, before.reason) != (after.state, after.reason):
        log.info(
            f"incident {after.state.value.replace('_', ' ')}",
            incident=after.id,
            title=after.title,
            reason=after.reason,
            detail=after.detail,
        )
