"""Events of streams: acknowledged only once they are here, the same one only once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert

from agent.records import Event
from agent.store.documents import from_json, to_json
from agent.store.engine import Database
from agent.store.schema import events

_Labels = dict[str, str]


class EventStore:
    """Keeps events by id, so that what is delivered again does not count twice."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, arrived: Iterable[Event], now: datetime) -> int:
        """Keep what arrived, in one transaction; return how many events are new."""
        rows = [
            {
                "id": event.id,
                "kind": event.kind,
                "at": event.at,
                "message": event.message,
                "labels": to_json(_Labels, dict(event.labels)),
                "received_at": now,
            }
            for event in arrived
        ]
        if not rows:
            return 0
        with self._database.transaction() as connection:
            new = 0
            for row in rows:
                new += connection.execute(insert(events).on_conflict_do_nothing(), row).rowcount
            return new

    def since(self, start: datetime, most: int = 10_000) -> list[Event]:
        """Return the newest events from a time on, oldest first."""
        query = select(events).where(events.c.at >= start).order_by(events.c.at.desc()).limit(most)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [
            Event(
                id=row.id,
                kind=row.kind,
                at=row.at,
                message=row.message,
                labels=from_json(_Labels, row.labels),
            )
            for row in reversed(rows)
        ]
