"""The pause switch: while a pause is open nothing that it holds is started."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, or_, select, update
from sqlalchemy.engine import Row

from agent.records import Pause, PauseScope, Plan
from agent.store.audit import append
from agent.store.documents import from_json, to_json
from agent.store.engine import Database, has_column
from agent.store.schema import pauses


class PauseStore:
    """Keeps pauses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(
        self, actor: str, why: str, now: datetime, until: datetime | None, scope: PauseScope | None = None
    ) -> Pause:
        """Pause the agent, or what the scope holds."""
        with self._database.transaction() as connection:
            return begin_pause(connection, actor, why, now, until, scope)

    def end(self, actor: str, now: datetime, pause_id: int | None = None) -> list[Pause]:
        """End one pause, or all; return those that were in force."""
        with self._database.transaction() as connection:
            ended = [one for one in pauses_in_force(connection, now) if pause_id in (None, one.id)]
            for pause in ended:
                mine = pauses.c.id == pause.id
                connection.execute(update(pauses).where(mine).values(ended_at=now, ended_by=actor))
                append(connection, now, actor, "resumed", "agent", {"scope": str(pause.scope)})
            return ended

    def in_force(self, now: datetime) -> list[Pause]:
        """Return the pauses that are in force, oldest first."""
        with self._database.reading() as connection:
            return pauses_in_force(connection, now)


def begin_pause(
    connection: Connection,
    actor: str,
    why: str,
    now: datetime,
    until: datetime | None = None,
    scope: PauseScope | None = None,
) -> Pause:
    """Pause the agent, or what the scope holds, in a transaction of the caller's.

    A store of an older version knows no scopes: everything is paused in it.
    """
    scope = scope or PauseScope()
    values = {"since": now, "until": until, "actor": actor, "why": why}
    if has_column(connection, pauses.c.scope):
        values["scope"] = to_json(PauseScope, scope)
    key = connection.execute(insert(pauses).values(**values)).inserted_primary_key
    assert key is not None
    append(connection, now, actor, "paused", "agent", {"why": why, "until": until, "scope": str(scope)})
    return Pause(id=key[0], since=now, until=until, actor=actor, why=why, scope=scope)


def pauses_in_force(connection: Connection, now: datetime) -> list[Pause]:
    """Return the pauses that are in force inside a transaction of the caller's, oldest first."""
    query = (
        select(pauses)
        .where(pauses.c.ended_at.is_(None), or_(pauses.c.until.is_(None), pauses.c.until > now))
        .order_by(pauses.c.id)
    )
    return [_to_pause(row) for row in connection.execute(query)]


def pause_over(connection: Connection, plan: Plan, now: datetime) -> Pause | None:
    """Return the pause that holds a plan inside a transaction of the caller's, or None."""
    return next((one for one in pauses_in_force(connection, now) if one.scope.holds(plan)), None)


def _to_pause(row: Row[Any]) -> Pause:
    scope = from_json(PauseScope, row.scope)
    return Pause(id=row.id, since=row.since, until=row.until, actor=row.actor, why=row.why, scope=scope)
