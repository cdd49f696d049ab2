"""Requests for approval and what people said: counted, never twice by the same person, with an end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.engine import Row

from agent.errors import ConflictError, NotFoundError, RefusedError
from agent.records import Plan
from agent.store.audit import append
from agent.store.documents import from_json, to_json
from agent.store.engine import Database
from agent.store.schema import approvals, votes


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """What one person said."""

    actor: str
    yes: bool
    comment: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One request. ``state`` is pending, approved, denied, expired or withdrawn.

    ``needed`` is how many people have to say yes; ``preview`` is what Ansible's check mode would do.
    """

    id: int
    incident_id: int
    state: str
    plan: Plan
    needed: int
    requested_by: str
    requested_at: datetime
    expires_at: datetime
    decided_at: datetime | None
    votes: tuple[Vote, ...]
    preview: str | None

    @property
    def voices(self) -> str:
        """Return who decided, and why, in one line."""
        return "; ".join(f"{vote.actor}: {vote.comment}".rstrip(": ") for vote in self.votes)


class ApprovalStore:
    """Keeps approvals; of an incident's requests only the newest one counts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def request(
        self,
        incident_id: int,
        plan: Plan,
        *,
        needed: int,
        requested_by: str,
        now: datetime,
        expires_at: datetime,
        seen: Approval | None = None,
    ) -> int:
        """Ask for a plan and return the request's id; an older one that is still open is withdrawn.

        ``seen`` is the newest request that the caller knows of. Raises ConflictError when it is that no
        more, or was answered meanwhile: a yes must not be lost to a second question.
        """
        with self._database.transaction() as connection:
            newest = _newest(connection, incident_id)
            if _stand(newest) != _stand(seen):
                raise ConflictError(f"the request of incident {incident_id} was answered meanwhile")
            connection.execute(
                update(approvals)
                .where(approvals.c.incident_id == incident_id, approvals.c.state == "pending")
                .values(state="withdrawn", decided_at=now)
            )
            result = connection.execute(
                insert(approvals).values(
                    incident_id=incident_id,
                    state="pending",
                    plan=to_json(Plan, plan),
                    needed=needed,
                    requested_by=requested_by,
                    requested_at=now,
                    expires_at=expires_at,
                )
            )
            detail = {"plan": plan.remediation, "hosts": plan.hosts, "needed": needed}
            append(connection, now, requested_by, "approval asked", f"incident {incident_id}", detail)
            key = result.inserted_primary_key
            assert key is not None
            return int(key[0])

    def newest(self, incident_id: int) -> Approval | None:
        """Return the newest request of an incident, or None."""
        with self._database.reading() as connection:
            return _newest(connection, incident_id)

    def vote(self, incident_id: int, actor: str, yes: bool, comment: str, now: datetime) -> Approval:
        """Count one person's word and return the request as it stands then.

        One no denies. Raises NotFoundError when nothing was asked, ConflictError when it was decided,
        has expired or this person has spoken already, RefusedError for an approval of one's own request.
        """
        with self._database.transaction() as connection:
            newest = _newest(connection, incident_id)
            if newest is None:
                raise NotFoundError(f"incident {incident_id} does not ask for approval")
            _check_vote(newest, actor, yes, now)
            connection.execute(
                insert(votes).values(approval_id=newest.id, actor=actor, yes=yes, comment=comment, at=now)
            )
            said_yes = connection.execute(
                select(func.count()).where(votes.c.approval_id == newest.id, votes.c.yes)
            ).scalar_one()
            if not yes:
                _decide(connection, newest.id, "denied", now)
            elif said_yes >= newest.needed:
                _decide(connection, newest.id, "approved", now)
            action = "approved" if yes else "denied"
            append(connection, now, actor, action, f"incident {incident_id}", {"comment": comment})
            decided = _newest(connection, incident_id)
            assert decided is not None
            return decided

    def expire(self, now: datetime) -> list[int]:
        """Close the requests that nobody answered in time; return their incidents."""
        overdue = (approvals.c.state == "pending") & (approvals.c.expires_at <= now)
        with self._database.reading() as connection:
            if connection.execute(select(approvals.c.id).where(overdue)).first() is None:
                return []
        with self._database.transaction() as connection:
            rows = connection.execute(select(approvals.c.id, approvals.c.incident_id).where(overdue)).all()
            for row in rows:
                _decide(connection, row.id, "expired", now)
                append(connection, now, "opsmend", "approval expired", f"incident {row.incident_id}")
            return [row.incident_id for row in rows]

    def withdraw(self, incident_id: int, now: datetime) -> None:
        """Take back the open request of an incident that needs none any more."""
        with self._database.transaction() as connection:
            connection.execute(
                update(approvals)
                .where(approvals.c.incident_id == incident_id, approvals.c.state == "pending")
                .values(state="withdrawn", decided_at=now)
            )

    def set_preview(self, approval_id: int, preview: str) -> None:
        """Keep what check mode would do."""
        with self._database.transaction() as connection:
            connection.execute(update(approvals).where(approvals.c.id == approval_id).values(preview=preview))


def _check_vote(newest: Approval, actor: str, yes: bool, now: datetime) -> None:
    incident = f"incident {newest.incident_id}"
    if newest.state != "pending":
        by = f" by {newest.voices}" if newest.votes else ""
        raise ConflictError(f"{incident}: the request was {newest.state} already{by}")
    if newest.expires_at <= now:
        raise ConflictError(f"{incident}: the request expired at {newest.expires_at:%H:%M:%S} UTC")
    if any(vote.actor == actor for vote in newest.votes):
        raise ConflictError(f"{incident}: {actor} has spoken already")
    if yes and actor == newest.requested_by:
        raise RefusedError(f"{incident}: nobody approves their own request; somebody else has to")


def _decide(connection: Connection, approval_id: int, state: str, now: datetime) -> None:
    connection.execute(
        update(approvals)
        .where(approvals.c.id == approval_id, approvals.c.state == "pending")
        .values(state=state, decided_at=now)
    )


def _newest(connection: Connection, incident_id: int) -> Approval | None:
    query = select(approvals).where(approvals.c.incident_id == incident_id)
    row = connection.execute(query.order_by(approvals.c.id.desc()).limit(1)).first()
    if row is None:
        return None
    said = connection.execute(select(votes).where(votes.c.approval_id == row.id).order_by(votes.c.at))
    return _to_approval(row, tuple(_to_vote(vote) for vote in said))


def _to_vote(row: Row[Any]) -> Vote:
    return Vote(actor=row.actor, yes=row.yes, comment=row.comment, at=row.at)


def _to_approval(row: Row[Any], said: tuple[Vote, ...]) -> Approval:
    return Approval(
        id=row.id,
        incident_id=row.incident_id,
        state=row.state,
        plan=from_json(Plan, row.plan),
        needed=row.needed,
        requested_by=row.requested_by,
        requested_at=row.requested_at,
        expires_at=row.expires_at,
        decided_at=row.decided_at,
        votes=said,
        preview=row.preview,
    )


def _stand(approval: Approval | None) -> tuple[int, str] | None:
    return (approval.id, approval.state) if approval is not None else None
