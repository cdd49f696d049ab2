"""Alerts that were handed to us: acknowledged only once they are here, the same one only once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update

from agent.records import Alert
from agent.store.audit import append
from agent.store.documents import from_json, to_json
from agent.store.engine import Database
from agent.store.schema import alerts

_Labels = dict[str, str]


class AlertStore:
    """Keeps alerts by fingerprint and start, so that replicas and repeats do not count twice."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, arrived: Iterable[Alert], actor: str, now: datetime) -> int:
        """Keep what arrived, in one transaction; return how many alerts are new or changed."""
        changed = 0
        with self._database.transaction() as connection:
            for alert in arrived:
                mine = (alerts.c.fingerprint == alert.fingerprint) & (alerts.c.starts_at == alert.starts_at)
                subject = f"alert {alert.fingerprint}"
                known = connection.execute(select(alerts.c.resolved_at).where(mine)).first()
                if known is None:
                    changed += 1
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
                    state = "resolved" if alert.resolved_at else "firing"
                    append(connection, now, actor, f"alert {state}", subject, alert.labels)
                    continue
                values: dict[str, datetime] = {"last_seen_at": now}
                if alert.resolved_at is not None and known.resolved_at is None:
                    changed += 1
                    values["resolved_at"] = alert.resolved_at
                    append(connection, now, actor, "alert resolved", subject, alert.labels)
                connection.execute(update(alerts).where(mine).values(**values))
        return changed

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
