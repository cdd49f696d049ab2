"""The pause switch: while a pause is open nothing new is started."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, or_, select, update

from agent.store.audit import append
from agent.store.engine import Database
from agent.store.schema import pauses


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Who paused the agent, since when, until when (None: until somebody resumes it), and why."""

    since: datetime
    until: datetime | None
    actor: str
    why: str

    def __str__(self) -> str:
        until = f" until {self.until:%Y-%m-%d %H:%M} UTC" if self.until else ""
        why = f": {self.why}" if self.why else ""
        return f"paused by {self.actor} since {self.since:%Y-%m-%d %H:%M} UTC{until}{why}"


class PauseStore:
    """Keeps pauses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, actor: str, why: str, now: datetime, until: datetime | None) -> None:
        """Pause the agent."""
        with self._database.transaction() as connection:
            connection.execute(insert(pauses).values(since=now, until=until, actor=actor, why=why))
            append(connection, now, actor, "paused", "agent", {"why": why, "until": until})

    def end(self, actor: str, now: datetime) -> bool:
        """Resume; return whether there was anything to resume."""
        with self._database.transaction() as connection:
            result = connection.execute(
                update(pauses)
                .where(pauses.c.ended_at.is_(None), or_(pauses.c.until.is_(None), pauses.c.until > now))
                .values(ended_at=now, ended_by=actor)
            )
            if result.rowcount:
                append(connection, now, actor, "resumed", "agent")
            return result.rowcount > 0

    def current(self, now: datetime) -> Pause | None:
        """Return the pause that is in force, or None."""
        with self._database.reading() as connection:
            return pause_in_force(connection, now)


def pause_in_force(connection: Connection, now: datetime) -> Pause | None:
    """Return the pause that is in force, or None, inside a transaction of the caller's."""
    query = (
        select(pauses)
        .where(pauses.c.ended_at.is_(None), or_(pauses.c.until.is_(None), pauses.c.until > now))
        .order_by(pauses.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    return Pause(since=row.since, until=row.until, actor=row.actor, why=row.why)
