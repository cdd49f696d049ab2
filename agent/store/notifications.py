"""Messages to people: kept until they are delivered, so that a crash loses none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, insert, or_, select, update

from agent.store.documents import from_json, to_json
from agent.store.engine import Database
from agent.store.schema import notifications

_Digests = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One message to one target about one incident.

    ``kind`` is what it is about; ``subject`` names the faults, one a line, where it is about some of several.
    """

    id: int
    incident_id: int | None
    kind: str
    target: str
    created_at: datetime
    due_at: datetime
    state: str
    attempts: int
    error: str
    subject: str = ""
    delivered: tuple[str, ...] = ()  # digests of the URLs that have it


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is to be told about an incident, to whom, and when: now, where ``due_at`` is not given."""

    kind: str
    target: str
    due_at: datetime | None = None
    subject: str = ""


class NotificationStore:
    """Keeps notifications: waiting, sent, dropped (not needed any more) or failed (given up)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        incident_id: int | None,
        kind: str,
        target: str,
        now: datetime,
        due_at: datetime | None = None,
        subject: str = "",
    ) -> None:
        """Put a message up for delivery, now or at a later time."""
        with self._database.transaction() as connection:
            put_messages(
                connection,
                incident_id,
                [Message(kind=kind, target=target, due_at=due_at, subject=subject)],
                now,
            )

    def due(self, now: datetime) -> list[Notification]:
        """Return what is to be delivered now, oldest first."""
        # the clock was set back since it was written: people must not wait until it is as late again
        from_the_future = and_(notifications.c.created_at > now, notifications.c.attempts == 0)
        query = (
            select(notifications)
            .where(notifications.c.state == "waiting", or_(notifications.c.due_at <= now, from_the_future))
            .order_by(notifications.c.id)
        )
        with self._database.reading() as connection:
            return [_to_notification(row) for row in connection.execute(query)]

    def settle(
        self,
        notification: Notification,
        state: str,
        error: str = "",
        due_at: datetime | None = None,
        delivered: Sequence[str] = (),
    ) -> None:
        """Write how a delivery went; ``waiting`` with a later time means another attempt.

        ``delivered`` are digests of the URLs that have the message: they are not told again.
        """
        with self._database.transaction() as connection:
            connection.execute(
                update(notifications)
                .where(notifications.c.id == notification.id)
                .values(
                    state=state,
                    error=error,
                    attempts=notification.attempts + 1,
                    due_at=due_at or notification.due_at,
                    delivered=to_json(_Digests, tuple(delivered)),
                )
            )

    def last(self, kind: str) -> datetime | None:
        """Return when a message of a kind was last put up."""
        query = select(func.max(notifications.c.created_at)).where(notifications.c.kind == kind)
        with self._database.reading() as connection:
            last: datetime | None = connection.execute(query).scalar()
            return last

    def last_to(self, target: str) -> datetime | None:
        """Return when a message to a target was last put up."""
        query = select(func.max(notifications.c.created_at)).where(notifications.c.target == target)
        with self._database.reading() as connection:
            last: datetime | None = connection.execute(query).scalar()
            return last

    def of_incident(self, incident_id: int) -> list[Notification]:
        """Return everything that was or is to be sent about an incident."""
        with self._database.reading() as connection:
            return messages_of(connection, incident_id)


def put_messages(
    connection: Connection, incident_id: int | None, messages: Iterable[Message], now: datetime
) -> None:
    """Put messages up for delivery inside a transaction of the caller's."""
    for message in messages:
        connection.execute(
            insert(notifications).values(
                incident_id=incident_id,
                kind=message.kind,
                target=message.target,
                created_at=now,
                due_at=message.due_at or now,
                state="waiting",
                attempts=0,
                error="",
                subject=message.subject,
            )
        )


def drop_messages(connection: Connection, incident_id: int, kind: str) -> None:
    """Take back what is not needed any more: the next contact, once somebody has answered."""
    waiting = (
        (notifications.c.incident_id == incident_id)
        & (notifications.c.kind == kind)
        & (notifications.c.state == "waiting")
    )
    connection.execute(update(notifications).where(waiting).values(state="dropped"))


def told_targets(connection: Connection, incident_id: int, kind: str | None = None) -> list[str]:
    """Return who was told, or is about to be told, of an incident; of one kind of message, or of any."""
    mine = (notifications.c.incident_id == incident_id) & (notifications.c.state != "dropped")
    if kind is not None:
        mine &= notifications.c.kind == kind
    query = select(notifications.c.target).where(mine).distinct().order_by(notifications.c.target)
    return list(connection.execute(query).scalars())


def messages_of(connection: Connection, incident_id: int) -> list[Notification]:
    """Return everything that was or is to be sent about an incident, oldest first."""
    query = select(notifications).where(notifications.c.incident_id == incident_id)
    rows = connection.execute(query.order_by(notifications.c.id))
    return [_to_notification(row) for row in rows]


def extend_message(connection: Connection, notification: Notification, subject: str) -> bool:
    """Make a message that still waits about more; return False when it has been sent meanwhile."""
    waiting = (notifications.c.id == notification.id) & (notifications.c.state == "waiting")
    return connection.execute(update(notifications).where(waiting).values(subject=subject)).rowcount == 1


def _to_notification(row: Any) -> Notification:
    values = dict(row._mapping)
    return Notification(**{**values, "delivered": from_json(_Digests, values["delivered"])})
