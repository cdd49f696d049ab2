"""What people said about what the agent saw, missed, or took a fault to be."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import insert, select
from sqlalchemy.engine import Row

from agent.records.feedback import Feedback, FeedbackKind
from agent.store.audit import append
from agent.store.engine import Database
from agent.store.schema import feedback


class FeedbackStore:
    """Keeps feedback, each with its author."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, said: Feedback) -> Feedback:
        """Keep what was said, and write it into the audit log; return it with its number."""
        values = {**asdict(said), "labels": orjson.dumps(dict(said.labels)).decode()}
        del values["id"]
        about = f"incident {said.incident_id}" if said.incident_id is not None else said.entity
        told = {
            name: str(value)
            for name, value in values.items()
            if name not in ("author", "at", "labels") and value
        }
        with self._database.transaction() as connection:
            number = connection.execute(insert(feedback).values(**values)).inserted_primary_key
            assert number is not None
            append(connection, said.at, said.author, "feedback", about, told)
        return replace(said, id=int(number[0]))

    def list(
        self,
        *,
        since: datetime | None = None,
        incident_id: int | None = None,
        about_incidents: bool = False,
        limit: int = 1000,
    ) -> list[Feedback]:
        """Return what was said since a time, about one incident, incidents or all, the newest first."""
        query = select(feedback).order_by(feedback.c.at.desc(), feedback.c.id.desc()).limit(limit)
        if since is not None:
            query = query.where(feedback.c.at >= since)
        if about_incidents:
            query = query.where(feedback.c.incident_id.is_not(None))
        if incident_id is not None:
            query = query.where(feedback.c.incident_id == incident_id)
        with self._database.reading() as connection:
            return [to_feedback(row) for row in connection.execute(query)]


def to_feedback(row: Row[Any]) -> Feedback:
    """Return what a row holds."""
    values = {**row._mapping, "kind": FeedbackKind(row.kind), "labels": orjson.loads(row.labels)}
    return Feedback(**values)
