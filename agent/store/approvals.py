"""Requests for approval, what people said, and the right that becomes of it, which is used once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.engine import Row

from agent.errors import ConflictError, NotFoundError, RefusedError
from agent.records import Approval, ApprovalVote, Person, Plan, count_voices
from agent.store.audit import append
from agent.store.documents import from_json, to_json
from agent.store.engine import Database
from agent.store.schema import approvals, run_requests, votes

OPEN = ("pending", "approved")
"""States in which a request is asked, or its answer a right."""


class ApprovalStore:
    """Reads approvals and takes votes; of an incident's requests only the newest one counts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self, incident_id: int) -> Approval | None:
        """Return the newest request of an incident, or None."""
        with self._database.reading() as connection:
            return newest_approval(connection, incident_id)

    def vote(self, incident_id: int, person: Person, yes: bool, comment: str, now: datetime) -> Approval:
        """Count one person's word and return the request as it stands then.

        One no denies. Raises NotFoundError when nothing was asked, ConflictError when it was decided,
        has expired or this person has spoken already, RefusedError for an approval of one's own request.
        """
        with self._database.transaction() as connection:
            newest = newest_approval(connection, incident_id)
            if newest is None:
                raise NotFoundError(f"incident {incident_id} does not ask for approval")
            _check_vote(newest, person, yes, now, _asker(connection, newest))
            connection.execute(
                insert(votes).values(
                    approval_id=newest.id,
                    actor=person.name,
                    person=to_json(Person, person),
                    yes=yes,
                    comment=comment,
                    at=now,
                )
            )
            _count(connection, newest, yes, now)
            action = "approved" if yes else "denied"
            append(connection, now, person.name, action, f"incident {incident_id}", {"comment": comment})
            decided = newest_approval(connection, incident_id)
            assert decided is not None
            return decided

    def page(self, state: str | None = None, limit: int = 50, before: int | None = None) -> list[Approval]:
        """Return requests for approval, the newest first, only those in a state or older than one."""
        query = select(approvals.c.id).order_by(approvals.c.id.desc()).limit(limit)
        if state is not None:
            query = query.where(approvals.c.state == state)
        if before is not None:
            query = query.where(approvals.c.id < before)
        with self._database.reading() as connection:
            return [_read(connection, row.id) for row in connection.execute(query).all()]

    def overdue(self, now: datetime) -> list[Approval]:
        """Return the open requests and unused rights whose time is over."""
        query = select(approvals.c.id).where(approvals.c.state.in_(OPEN), approvals.c.expires_at <= now)
        with self._database.reading() as connection:
            return [_read(connection, row.id) for row in connection.execute(query)]

    def set_preview(self, approval_id: int, preview: str) -> None:
        """Keep what check mode would do."""
        with self._database.transaction() as connection:
            connection.execute(update(approvals).where(approvals.c.id == approval_id).values(preview=preview))


def ask_approval(
    connection: Connection,
    incident_id: int,
    plan: Plan,
    *,
    needed: int,
    asker: str,
    now: datetime,
    expires_at: datetime,
    seen: Approval | None,
    request_id: int | None = None,
) -> int:
    """Ask for a plan and return the request's id; an older one that is still open is withdrawn.

    ``seen`` is the newest request that the caller knows of. Raises ConflictError when it is that no
    more, or was answered meanwhile: a yes must not be lost to a second question.
    """
    newest = newest_approval(connection, incident_id)
    if _stand(newest) != _stand(seen):
        raise ConflictError(f"the request of incident {incident_id} was answered meanwhile")
    withdraw_approvals(connection, incident_id, now)
    result = connection.execute(
        insert(approvals).values(
            incident_id=incident_id,
            state="pending",
            plan=to_json(Plan, plan),
            needed=needed,
            requested_by=asker,
            requested_at=now,
            expires_at=expires_at,
            request_id=request_id,
        )
    )
    detail = {"plan": plan.remediation, "hosts": plan.hosts, "needed": needed}
    append(connection, now, asker, "approval asked", f"incident {incident_id}", detail)
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def need_voices(connection: Connection, approval: Approval, needed: int, enough: bool, now: datetime) -> None:
    """Write how many voices the policy wants by now, and whether those that count are ``enough``.

    Raises ConflictError when somebody answered meanwhile.
    """
    if not _set(connection, approval, "pending", needed=needed, decided_at=None):
        raise ConflictError(f"the request of incident {approval.incident_id} was answered meanwhile")
    if enough:
        _grant(connection, approval, now)


def use_approval(connection: Connection, approval: Approval, run_id: int, now: datetime) -> None:
    """Use up a right for a run. Raises ConflictError when it is none any more."""
    granted = approval.state == "approved" and now < approval.expires_at
    if not granted or not _set(connection, approval, "used", run_id=run_id):
        raise ConflictError(f"the approval of incident {approval.incident_id} is no right any more")


def end_approval(connection: Connection, approval: Approval, state: str, now: datetime, actor: str) -> bool:
    """End an open request or an unused right as ``state``; return False when it was ended already."""
    if not _set(connection, approval, state, decided_at=now):
        return False
    append(connection, now, actor, f"approval {state}", f"incident {approval.incident_id}")
    return True


def withdraw_approvals(connection: Connection, incident_id: int, now: datetime) -> None:
    """Take back the open request and the unused right of an incident."""
    mine = (approvals.c.incident_id == incident_id) & approvals.c.state.in_(OPEN)
    connection.execute(update(approvals).where(mine).values(state="withdrawn", decided_at=now))


def newest_approval(connection: Connection, incident_id: int) -> Approval | None:
    """Return the newest request of an incident, or None."""
    query = select(approvals.c.id).where(approvals.c.incident_id == incident_id)
    row = connection.execute(query.order_by(approvals.c.id.desc()).limit(1)).first()
    return _read(connection, row.id) if row is not None else None


def _count(connection: Connection, approval: Approval, yes: bool, now: datetime) -> None:
    current = _read(connection, approval.id)
    if not yes:
        _set(connection, approval, "denied", decided_at=now)
    elif count_voices(current.votes) >= approval.needed:
        _grant(connection, approval, now)


def _grant(connection: Connection, approval: Approval, now: datetime) -> None:
    # a yes lasts as long as the question could have waited for it
    lifetime = approval.expires_at - approval.requested_at
    mine = (approvals.c.id == approval.id) & (approvals.c.state == "pending")
    values = {"state": "approved", "decided_at": now, "expires_at": now + lifetime}
    connection.execute(update(approvals).where(mine).values(**values))


def _set(connection: Connection, approval: Approval, state: str, **values: Any) -> bool:
    """Change an approval that is as it was read; return whether it was."""
    mine = (approvals.c.id == approval.id) & (approvals.c.state == approval.state)
    return connection.execute(update(approvals).where(mine).values(state=state, **values)).rowcount == 1


def _asker(connection: Connection, approval: Approval) -> Person:
    query = select(run_requests.c.person).where(run_requests.c.id == approval.request_id)
    asked = connection.execute(query).scalar() if approval.request_id is not None else None
    return from_json(Person, asked) if asked is not None else Person(approval.requested_by)


def _check_vote(newest: Approval, person: Person, yes: bool, now: datetime, asker: Person) -> None:
    incident = f"incident {newest.incident_id}"
    if newest.state == "withdrawn":
        raise RefusedError(f"{incident} asks for nothing any more: its request was withdrawn")
    if newest.state != "pending":
        by = f" by {newest.said}" if newest.votes else ""
        raise ConflictError(f"{incident}: the request was {newest.state} already{by}")
    if newest.expires_at <= now:
        raise ConflictError(f"{incident}: the request expired at {newest.expires_at:%H:%M:%S} UTC")
    if any(vote.person.name == person.name for vote in newest.votes):
        raise ConflictError(f"{incident}: {person.name} has spoken already")
    if yes and person.name == asker.name:
        raise RefusedError(f"{incident}: nobody approves their own request; somebody else has to")
    if yes and newest.request_id is not None and person.may_be(asker):
        raise RefusedError(
            f"{incident}: {person.name} may be who asked: as {asker.name} people are not told apart here; "
            "ask and approve as yourselves, not through a shared root shell"
        )


def _read(connection: Connection, approval_id: int) -> Approval:
    row = connection.execute(select(approvals).where(approvals.c.id == approval_id)).one()
    said = connection.execute(select(votes).where(votes.c.approval_id == row.id).order_by(votes.c.at))
    return _to_approval(row, (_to_vote(vote) for vote in said))


def _to_vote(row: Row[Any]) -> ApprovalVote:
    person = from_json(Person, row.person)
    return ApprovalVote(person=person, yes=row.yes, comment=row.comment, at=row.at)


def _to_approval(row: Row[Any], said: Iterable[ApprovalVote]) -> Approval:
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
        votes=tuple(said),
        preview=row.preview,
        request_id=row.request_id,
        run_id=row.run_id,
    )


def _stand(approval: Approval | None) -> tuple[int, str, int] | None:
    return (approval.id, approval.state, len(approval.votes)) if approval is not None else None
