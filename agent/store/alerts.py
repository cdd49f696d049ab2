"""Alerts that were handed to us: acknowledged only once they are here, the same one only once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from agent.records import Alert
from agent.store.audit import append
from agent.store.documents import from_json, to_json
from agent.store.engine import Database
from agent.store.schema import alerts

_Labels = dict[str, str]


class AlertStore:
    """Keeps alerts by fingerprint and start, so that replicas and repeats do not count twice.

    Replicas may differ about when an alert began. What lies within an alert that is known, or comes while
    it fires, is that alert.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, arrived: Iterable[Alert], actor: str, now: datetime) -> int:
        """Keep what arrived, in one transaction; return how many alerts are new or changed."""
        with self._database.transaction() as connection:
            return sum(_take(connection, alert, actor, now) for alert in arrived)

    def firing(self) -> list[Alert]:
        """Return the alerts that are not resolved, oldest first."""
        query = select(alerts).where(alerts.c.resolved_at.is_(None)).order_by(alerts.c.starts_at)
        with self._database.reading() as connection:
            return [
                Alert(
                    fingerprint=row.fingerprint,
                    name=row.name,
                    labels=from_json(_Labels, row.labels),
                    annotations=from_json(_Labels, row.annotations),
                    starts_at=row.starts_at,
                    received_at=row.received_at,
                    resolved_at=None,
                )
                for row in connection.execute(query)
            ]

    def expire(self, now: datetime, after: timedelta) -> int:
        """Resolve alerts that nobody has repeated for so long; return how many there were.

        A sender that is gone sends no resolution either.
        """
        stale = alerts.c.resolved_at.is_(None) & (alerts.c.last_seen_at < now - after)
        with self._database.transaction() as connection:
            return connection.execute(update(alerts).where(stale).values(resolved_at=now)).rowcount

    def forget(self, before: datetime) -> int:
        """Remove alerts that were resolved long ago; return how many there were."""
        with self._database.transaction() as connection:
            return connection.execute(delete(alerts).where(alerts.c.resolved_at < before)).rowcount


def _take(connection: Connection, alert: Alert, actor: str, now: datetime) -> bool:
    """Keep an alert; return whether it is new or changed."""
    subject = f"alert {alert.fingerprint}"
    known = _known(connection, alert)
    if known is None:
        _add(connection, alert, now)
        state = "resolved" if alert.resolved_at else "firing"
        append(connection, now, actor, f"alert {state}", subject, alert.labels)
        return True
    starts_at, resolved_at = known
    ended = alert.resolved_at is not None and resolved_at is None
    values: dict[str, datetime | None] = {"last_seen_at": now}
    if ended:
        values["resolved_at"] = alert.resolved_at
        append(connection, now, actor, "alert resolved", subject, alert.labels)
    mine = (alerts.c.fingerprint == alert.fingerprint) & (alerts.c.starts_at == starts_at)
    connection.execute(update(alerts).where(mine).values(**values))
    return ended


def _known(connection: Connection, alert: Alert) -> tuple[datetime, datetime | None] | None:
    """Return begin and end of the alert that this one is or belongs to."""
    overlaps = alerts.c.resolved_at.is_(None) | (alerts.c.resolved_at >= alert.starts_at)
    if alert.resolved_at is not None:  # the end of something older is not the end of what began since
        overlaps &= alerts.c.starts_at <= alert.resolved_at
    same = (alerts.c.starts_at == alert.starts_at) | overlaps
    query = (
        select(alerts.c.starts_at, alerts.c.resolved_at)
        .where(alerts.c.fingerprint == alert.fingerprint, same)
        .order_by(alerts.c.resolved_at.is_(None).desc(), alerts.c.starts_at.desc())
    )
    row = connection.execute(query).first()
    return (row.starts_at, row.resolved_at) if row is not None else None


def _add(connection: Connection, alert: Alert, now: datetime) -> None:
    connection.execute(
        insert(alerts).values(
            fingerprint=alert.fingerprint,
            starts_at=alert.starts_at,
            name=alert.name,
            labels=to_json(_Labels, dict(alert.labels)),
            annotations=to_json(_Labels, dict(alert.annotations)),
            received_at=now,
            last_seen_at=now,
            resolved_at=alert.resolved_at,
        )
    )
