"""Alerts that were handed to us: acknowledged only once they are here, the same one only once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, insert, select, update

from agent.instance import without_host
from agent.records import Alert
from agent.store.audit import append
from agent.store.documents import from_json, to_json
from agent.store.engine import Database
from agent.store.schema import alerts

_Labels = dict[str, str]
_LATE = timedelta(minutes=5)  # how late a replica may tell that an alert fires which has ended
_MOST_FIRING = 20_000


class Taken(NamedTuple):
    """What became of alerts: how many are new or changed, and how many found no room."""

    changed: int
    refused: int


class AlertStore:
    """Keeps alerts by fingerprint and start, so that replicas and repeats do not count twice.

    Replicas may differ about when an alert began. What lies within an alert that is known, or comes while
    it fires, is that alert. One that is told again well after its end fires anew, whatever begin it names.

    ``expired`` marks an end that proves nothing: nobody repeated the alert, or its data ended.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, arrived: Iterable[Alert], actor: str, now: datetime) -> Taken:
        """Keep what arrived, in one transaction; return how many alerts are new or changed.

        Beyond so many that fire no new one is taken: who sends more has no alerts but a flood of labels.
        """
        changed = refused = 0
        with self._database.transaction() as connection:
            room = _MOST_FIRING - _count_firing(connection)
            for one in arrived:
                alert, known = _told_apart(connection, one)
                if known is None and alert.resolved_at is None and room <= 0:
                    refused += 1
                    continue
                new = _take(connection, alert, known, actor, now)
                room -= new and alert.resolved_at is None
                changed += new
        return Taken(changed, refused)

    def firing(self) -> list[Alert]:
        """Return the alerts that are not resolved, oldest first."""
        query = select(alerts).where(alerts.c.resolved_at.is_(None)).order_by(alerts.c.starts_at)
        with self._database.reading() as connection:
            return [_to_alert(row) for row in connection.execute(query)]

    def newest(self, name: str) -> Alert | None:
        """Return the alert of a name that began last, resolved or not."""
        query = select(alerts).where(alerts.c.name == name).order_by(alerts.c.starts_at.desc()).limit(1)
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else _to_alert(row)

    def told(self, name: str, most: int = 10_000) -> list[Alert]:
        """Return how often an alert fired, the newest first."""
        query = select(alerts).where(alerts.c.name == name).order_by(alerts.c.starts_at.desc()).limit(most)
        with self._database.reading() as connection:
            return [_to_alert(row) for row in connection.execute(query)]

    def expire(self, now: datetime, after: timedelta) -> int:
        """Resolve alerts that nobody has repeated for so long; return how many there were.

        A sender that is gone sends no resolution either.
        """
        stale = alerts.c.resolved_at.is_(None) & (alerts.c.last_seen_at < now - after)
        ended = update(alerts).where(stale).values(resolved_at=now, expired=True)
        with self._database.transaction() as connection:
            return connection.execute(ended).rowcount

    def resolved_since(self, start: datetime) -> list[Alert]:
        """Return the alerts whose end was told since a time."""
        told = alerts.c.resolved_at.is_not(None) & (alerts.c.last_seen_at >= start)
        with self._database.reading() as connection:
            return [_to_alert(row) for row in connection.execute(select(alerts).where(told))]

    def begun_since(self, start: datetime) -> list[Alert]:
        """Return the alerts that began since a time, over or not, oldest first."""
        query = select(alerts).where(alerts.c.starts_at >= start).order_by(alerts.c.starts_at)
        with self._database.reading() as connection:
            return [_to_alert(row) for row in connection.execute(query)]

    def doubt(self, ended: Iterable[Alert]) -> None:
        """Note of ends that they prove nothing."""
        with self._database.transaction() as connection:
            for one in ended:
                mine = (alerts.c.fingerprint == one.fingerprint) & (alerts.c.starts_at == one.starts_at)
                connection.execute(update(alerts).where(mine).values(expired=True))

    def expired_since(self, start: datetime) -> list[Alert]:
        """Return the alerts that ended since a time in a way that proves nothing."""
        query = select(alerts).where(alerts.c.expired, alerts.c.resolved_at >= start)
        with self._database.reading() as connection:
            return [_to_alert(row) for row in connection.execute(query)]


def _to_alert(row: Any) -> Alert:
    return Alert(
        fingerprint=row.fingerprint,
        name=row.name,
        labels=from_json(_Labels, row.labels),
        annotations=from_json(_Labels, row.annotations),
        starts_at=row.starts_at,
        received_at=row.received_at,
        resolved_at=row.resolved_at,
    )


def _count_firing(connection: Connection) -> int:
    query = select(func.count()).select_from(alerts).where(alerts.c.resolved_at.is_(None))
    return int(connection.execute(query).scalar_one())


def _take(connection: Connection, alert: Alert, known: Any, actor: str, now: datetime) -> bool:
    """Keep an alert; return whether it is new or changed."""
    subject = f"alert {alert.fingerprint}"
    if known is None:
        _add(connection, alert, now)
        state = "resolved" if alert.resolved_at else "firing"
        append(connection, now, actor, f"alert {state}", subject, alert.labels)
        return True
    ended = alert.resolved_at is not None and known.resolved_at is None
    anew = alert.resolved_at is None and known.resolved_at is not None
    if anew and not (known.expired or now - known.last_seen_at > _LATE):
        return False  # a late word of a replica: the end is known already
    values: dict[str, Any] = {"last_seen_at": now}
    if ended:
        values["resolved_at"] = alert.resolved_at
        append(connection, now, actor, "alert resolved", subject, alert.labels)
    if anew:
        values |= {"resolved_at": None, "expired": False, "received_at": now}
        append(connection, now, actor, "alert firing", subject, alert.labels)
    mine = (alerts.c.fingerprint == alert.fingerprint) & (alerts.c.starts_at == known.starts_at)
    connection.execute(update(alerts).where(mine).values(**values))
    return ended or anew


def _told_apart(connection: Connection, alert: Alert) -> tuple[Alert, Any]:
    """Return an alert under a fingerprint that no other has, and its row, or None.

    Senders give fingerprints, and two of them may give the same one to alerts of other labels.
    """
    rows = _known(connection, alert)
    labels = without_host(alert.labels)  # how a host is read from an instance may change with a release
    mine = [row for row in rows if without_host(from_json(_Labels, row.labels)) == labels]
    if mine or not rows:
        return alert, next(iter(mine), None)
    digest = sha256(to_json(_Labels, dict(sorted(labels.items()))).encode()).hexdigest()
    alert = replace(alert, fingerprint=f"{alert.fingerprint}-{digest[:16]}")
    return alert, next(iter(_known(connection, alert)), None)


def _known(connection: Connection, alert: Alert) -> Sequence[Any]:
    """Return the rows that this alert is or belongs to, by its fingerprint, the likeliest first."""
    overlaps = alerts.c.resolved_at.is_(None) | (alerts.c.resolved_at >= alert.starts_at)
    if alert.resolved_at is not None:  # the end of something older is not the end of what began since
        overlaps &= alerts.c.starts_at <= alert.resolved_at
    same = (alerts.c.starts_at == alert.starts_at) | overlaps
    query = (
        select(
            alerts.c.starts_at,
            alerts.c.resolved_at,
            alerts.c.last_seen_at,
            alerts.c.expired,
            alerts.c.labels,
        )
        .where(alerts.c.fingerprint == alert.fingerprint, same)
        .order_by(alerts.c.resolved_at.is_(None).desc(), alerts.c.starts_at.desc())
    )
    return connection.execute(query).all()


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
            expired=False,
        )
    )
