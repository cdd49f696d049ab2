"""Requests for approval and what people said, decided by compare-and-swap."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update

from agent.errors import ConflictError, NotFoundError
from agent.records import Plan
from agent.store.documents import from_json, to_json
from agent.store.engine import Database
from agent.store.schema import approvals


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One request. ``state`` is pending, approved, denied or withdrawn."""

    id: int
    incident_id: int
    state: str
    plan: Plan
    requested_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    comment: str


class ApprovalStore:
    """Keeps approvals; of an incident's requests only the newest one counts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def request(self, incident_id: int, plan: Plan, now: datetime) -> None:
        """Ask for a plan; an older request that is still open is withdrawn."""
        with self._database.transaction() as connection:
            connection.execute(
                update(approvals)
                .where(approvals.c.incident_id == incident_id, approvals.c.state == "pending")
                .values(state="withdrawn", decided_at=now)
            )
            connection.execute(
                insert(approvals).values(
                    incident_id=incident_id,
                    state="pending",
                    plan=to_json(Plan, plan),
                    requested_at=now,
                    comment="",
                )
            )

    def newest(self, incident_id: int) -> Approval | None:
        """Return the newest request of an incident, or None."""
        query = (
            select(approvals)
            .where(approvals.c.incident_id == incident_id)
            .order_by(approvals.c.id.desc())
            .limit(1)
        )
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        return Approval(
            id=row.id,
            incident_id=row.incident_id,
            state=row.state,
            plan=from_json(Plan, row.plan),
            requested_at=row.requested_at,
            decided_at=row.decided_at,
            decided_by=row.decided_by,
            comment=row.comment,
        )

    def decide(self, incident_id: int, state: str, actor: str, comment: str, now: datetime) -> Approval:
        """Say approved or denied to the open request of an incident.

        Raises NotFoundError when nothing was asked, ConflictError when it was decided already.
        """
        newest = self.newest(incident_id)
        if newest is None:
            raise NotFoundError(f"incident {incident_id} does not ask for approval")
        with self._database.transaction() as connection:
            result = connection.execute(
                update(approvals)
                .where(approvals.c.id == newest.id, approvals.c.state == "pending")
                .values(state=state, decided_at=now, decided_by=actor, comment=comment)
            )
        decided = self.newest(incident_id)
        assert decided is not None
        if result.rowcount != 1:
            by = f" by {decided.decided_by}" if decided.decided_by else ""
            raise ConflictError(f"incident {incident_id}: the request was {decided.state} already{by}")
        return decided
