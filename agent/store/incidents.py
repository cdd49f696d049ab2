"""Incidents and their transitions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, or_, select, update
from sqlalchemy.engine import Row

from agent.errors import ConflictError, NotFoundError, RefusedError
from agent.log import Logger
from agent.reasons import Reason
from agent.records import Diagnosis, Incident, IncidentState, Option, Transition
from agent.records.incidents import ACTIVE_STATES
from agent.store.audit import append
from agent.store.documents import from_json, to_json
from agent.store.engine import Database
from agent.store.schema import incidents, transitions

log = Logger("store")

_LINGERING = [IncidentState.CLOSED.value, IncidentState.RECOVERED.value]


class IncidentStore:
    """Keeps incidents. A change is written only if nobody changed the incident in between."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._read: Mapping[int, Incident] = {}  # what was active when last asked
        self._unreadable: set[int] = set()

    def add(self, incident: Incident, actor: str) -> Incident:
        """Keep a new incident and return it with its id."""
        with self._database.transaction() as connection:
            result = connection.execute(insert(incidents).values(**_to_row(incident), version=1))
            key = result.inserted_primary_key
            assert key is not None
            kept = replace(incident, id=key[0], version=1)
            _note_transition(connection, kept, actor)
        return kept

    def save(self, incident: Incident, actor: str) -> Incident:
        """Write a changed incident and return it with its new version.

        A change of state or reason becomes a transition. Raises ConflictError when somebody else
        changed it first, NotFoundError when it does not exist.
        """
        with self._database.transaction() as connection:
            return save_incident(connection, incident, actor)

    def get(self, incident_id: int) -> Incident:
        """Return one incident. Raises NotFoundError."""
        with self._database.reading() as connection:
            row = connection.execute(select(incidents).where(incidents.c.id == incident_id)).first()
        if row is None:
            raise NotFoundError(f"there is no incident {incident_id}")
        return to_incident(row)

    def active(self) -> list[Incident]:
        """Return the incidents that still take up findings: not over, or over while symptomatic.

        Asked many times a second while runs come and go, so only those are read that changed since.
        """
        query = select(incidents.c.id, incidents.c.version).where(
            or_(
                incidents.c.state.in_([state.value for state in ACTIVE_STATES]),
                incidents.c.state.in_(_LINGERING) & incidents.c.symptomatic,
            )
        )
        known = self._read
        with self._database.reading() as connection:
            versions = {row.id: row.version for row in connection.execute(query.order_by(incidents.c.id))}
            same = {
                id_: known[id_]
                for id_ in versions.keys() & known.keys()
                if known[id_].version == versions[id_]
            }
            changed = select(incidents).where(incidents.c.id.in_(versions.keys() - same.keys()))
            new = connection.execute(changed) if len(same) < len(versions) else ()
            same.update(self._readable(new))
        self._read = same
        return [same[id_] for id_ in versions if id_ in same]

    def _readable(self, rows: Iterable[Row[Any]]) -> Iterator[tuple[int, Incident]]:
        """Yield the incidents that can be read; one that cannot must not take the others along."""
        for row in rows:
            try:
                yield row.id, to_incident(row)
            except ValueError as error:
                if row.id not in self._unreadable:
                    log.error("incident cannot be read, and is left alone", incident=row.id, why=str(error))
                    self._unreadable.add(row.id)

    def list(
        self,
        states: Iterable[IncidentState] = (),
        limit: int = 50,
        before_id: int | None = None,
        since: datetime | None = None,
    ) -> list[Incident]:
        """Return the newest incidents first, of the given states or of all, opened at a time or later."""
        query = select(incidents).order_by(incidents.c.id.desc()).limit(limit)
        wanted = [state.value for state in states]
        if wanted:
            query = query.where(incidents.c.state.in_(wanted))
        if before_id is not None:
            query = query.where(incidents.c.id < before_id)
        if since is not None:
            query = query.where(incidents.c.opened_at >= since)
        with self._database.reading() as connection:
            return [to_incident(row) for row in connection.execute(query)]

    def transitions(self, incident_id: int) -> Sequence[Transition]:
        """Return an incident's life, oldest first."""
        query = select(transitions).where(transitions.c.incident_id == incident_id).order_by(transitions.c.id)
        with self._database.reading() as connection:
            return [
                Transition(
                    at=row.at,
                    state=IncidentState(row.state),
                    reason=Reason(row.reason) if row.reason else None,
                    detail=row.detail,
                    actor=row.actor,
                )
                for row in connection.execute(query)
            ]


def save_incident(connection: Connection, incident: Incident, actor: str) -> Incident:
    """Write a changed incident inside a transaction of the caller's."""
    old = connection.execute(
        select(incidents.c.state, incidents.c.reason, incidents.c.version).where(
            incidents.c.id == incident.id
        )
    ).first()
    if old is None:
        raise NotFoundError(f"there is no incident {incident.id}")
    kept = replace(incident, version=incident.version + 1)
    result = connection.execute(
        update(incidents)
        .where(incidents.c.id == incident.id, incidents.c.version == incident.version)
        .values(**_to_row(kept), version=kept.version)
    )
    if result.rowcount != 1:
        raise ConflictError(f"incident {incident.id} was changed by somebody else meanwhile")
    if (old.state, old.reason) != (kept.state.value, kept.reason.value if kept.reason else None):
        _note_transition(connection, kept, actor)
    return kept


def move_incident(
    connection: Connection,
    incident_id: int,
    state: IncidentState,
    reason: Reason | None,
    detail: str,
    at: datetime,
    actor: str,
    *,
    seen: Incident | None = None,
    waits_until: datetime | None = None,
    options: tuple[Option, ...] = (),
) -> Incident:
    """Move an incident on inside a transaction of the caller's; what else changed of it meanwhile stays.

    Raises ConflictError when it is not as it was ``seen``: a decision was about that one.
    """
    row = connection.execute(select(incidents).where(incidents.c.id == incident_id)).first()
    if row is None:
        raise NotFoundError(f"there is no incident {incident_id}")
    if seen is not None and row.version != seen.version:
        raise ConflictError(f"incident {incident_id} was changed by somebody else meanwhile")
    before = to_incident(row)
    after = replace(
        before,
        state=state,
        reason=reason,
        detail=detail,
        waits_until=waits_until,
        options=options or before.options,
        closed_at=at if state.final else None,
    )
    if not state.settled:  # the agent has it again: what somebody took is not theirs any more
        after = replace(after, acknowledged_by=None, acknowledged_at=None)
    if after == before:
        return before
    return save_incident(connection, replace(after, updated_at=at), actor)


def acknowledge_incident(
    connection: Connection, incident_id: int, person: str, comment: str, at: datetime, take_over: bool
) -> Incident:
    """Write who takes an incident that is for people, inside a transaction of the caller's.

    Raises NotFoundError, RefusedError when it is not for people, and ConflictError when another person has
    it and it is not taken over from them.
    """
    row = connection.execute(select(incidents).where(incidents.c.id == incident_id)).first()
    if row is None:
        raise NotFoundError(f"there is no incident {incident_id}")
    before = to_incident(row)
    if before.state is not IncidentState.ESCALATED:
        raise RefusedError(f"incident {incident_id} is {before.state.value}: it is not for people to take")
    holder = before.acknowledged_by
    if holder == person:
        return before
    if holder is not None and not take_over:
        raise ConflictError(f"{holder} has incident {incident_id} since {before.acknowledged_at:%H:%M} UTC")
    taken = replace(before, acknowledged_by=person, acknowledged_at=at, updated_at=at)
    said = {key: value for key, value in {"from": holder, "comment": comment}.items() if value}
    append(connection, at, person, "incident acknowledged", f"incident {incident_id}", said)
    return save_incident(connection, taken, person)


def _note_transition(connection: Connection, incident: Incident, actor: str) -> None:
    told = {
        "state": incident.state.value,
        "reason": incident.reason.value if incident.reason else None,
        "detail": incident.detail,
    }
    at = incident.updated_at
    connection.execute(insert(transitions).values(incident_id=incident.id, at=at, actor=actor, **told))
    best = incident.best
    why = {"fault": best.fault, "confidence": best.confidence, "voters": dict(best.voters)} if best else {}
    append(connection, at, actor, f"incident {told['state']}", f"incident {incident.id}", {**told, **why})


def _to_row(incident: Incident) -> dict[str, Any]:
    return {
        "state": incident.state.value,
        "reason": incident.reason.value if incident.reason else None,
        "detail": incident.detail,
        "entity": incident.entity,
        "host": incident.host,
        "fault": incident.fault,
        "title": incident.title,
        "symptomatic": incident.symptomatic,
        "opened_at": incident.opened_at,
        "updated_at": incident.updated_at,
        "last_seen_at": incident.last_seen_at,
        "closed_at": incident.closed_at,
        "waits_until": incident.waits_until,
        "acknowledged_by": incident.acknowledged_by,
        "acknowledged_at": incident.acknowledged_at,
        "diagnosis": to_json(Diagnosis, incident.diagnosis),
        "options": to_json(tuple[Option, ...], incident.options),
        "parent_id": incident.parent_id,
    }


def to_incident(row: Row[Any]) -> Incident:
    """Return the incident that a row of the table holds."""
    return Incident(
        id=row.id,
        version=row.version,
        state=IncidentState(row.state),
        reason=Reason(row.reason) if row.reason else None,
        detail=row.detail,
        entity=row.entity,
        host=row.host,
        fault=row.fault,
        title=row.title,
        symptomatic=row.symptomatic,
        opened_at=row.opened_at,
        updated_at=row.updated_at,
        last_seen_at=row.last_seen_at,
        closed_at=row.closed_at,
        waits_until=row.waits_until,
        acknowledged_by=row.acknowledged_by,
        acknowledged_at=row.acknowledged_at,
        diagnosis=from_json(Diagnosis, row.diagnosis),
        options=from_json(tuple[Option, ...], row.options),
        parent_id=row.parent_id,
    )
