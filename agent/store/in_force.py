"""What the running agent goes by, for commands beside it: a file on disk may be newer, or wrong by now."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from agent.store.documents import from_json, to_json
from agent.store.engine import Database
from agent.store.schema import in_force


class InForceStore:
    """Keeps one document of each kind, the one in force."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, kind: str, content: Any, now: datetime) -> None:
        """Replace what is in force."""
        with self._database.transaction() as connection:
            replace_in_force(connection, kind, content, now)

    def get(self, kind: str) -> Any:
        """Return what is in force, or None when no agent has said it yet."""
        with self._database.reading() as connection:
            text = connection.execute(select(in_force.c.content).where(in_force.c.kind == kind)).scalar()
        return from_json(Any, text) if text is not None else None


def replace_in_force(connection: Connection, kind: str, content: Any, now: datetime) -> None:
    """Replace what is in force inside a transaction of the caller's."""
    values = {"content": to_json(Any, content), "at": now}
    connection.execute(
        insert(in_force)
        .values(kind=kind, **values)
        .on_conflict_do_update(index_elements=["kind"], set_=values)
    )
