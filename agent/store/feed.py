"""What happened since a moment, in the order in which it was written: for those who look on live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import func, select

from agent.store.engine import Database
from agent.store.schema import audit, runs, task_events


@dataclass(frozen=True, slots=True)
class Position:
    """How far somebody has read: the newest entry of the audit log, and the newest line of Ansible's."""

    entry: int
    task: int

    def __str__(self) -> str:
        return f"{self.entry}-{self.task}"

    @classmethod
    def parse(cls, text: str) -> Position | None:
        """Return the position that a text names, or None."""
        first, _, second = text.partition("-")
        digits = first.isascii() and second.isascii() and first.isdigit() and second.isdigit()
        return cls(int(first), int(second)) if digits and len(text) < 40 else None


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened: an entry of the audit log, or a line of what Ansible did (``task``)."""

    kind: str
    at: datetime
    position: Position
    data: Mapping[str, Any]


class Feed:
    """Reads what happened."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def end(self) -> Position:
        """Return the position after everything that happened so far."""
        with self._database.reading() as connection:
            entry = connection.execute(select(func.max(audit.c.id))).scalar() or 0
            task = connection.execute(select(func.max(task_events.c.id))).scalar() or 0
        return Position(entry, task)

    def since(
        self, position: Position, incident_id: int | None = None, run_id: int | None = None, most: int = 500
    ) -> tuple[list[Happening], Position]:
        """Return what happened after a position, of everything or of one incident or run, and the new one."""
        with self._database.reading() as connection:
            mine = _runs_of(connection, incident_id, run_id)
            subjects = _subjects(incident_id, mine)
            entries = select(audit).where(audit.c.id > position.entry).order_by(audit.c.id).limit(most)
            tasks = (
                select(task_events)
                .where(task_events.c.id > position.task)
                .order_by(task_events.c.id)
                .limit(most)
            )
            if subjects is not None:
                entries = entries.where(audit.c.subject.in_(subjects))
            if mine is not None:
                tasks = tasks.where(task_events.c.run_id.in_(mine))
            found, reached = [], position
            for row in connection.execute(entries):
                reached = Position(row.id, reached.task)
                told = {"id": row.id, "actor": row.actor, "action": row.action, "subject": row.subject}
                detail = {**told, "at": row.at, "detail": orjson.loads(row.detail)}
                found.append(Happening("audit", row.at, reached, detail))
            for row in connection.execute(tasks):
                reached = Position(reached.entry, row.id)
                told = {"run": row.run_id, "at": row.at, "step": row.step, "host": row.host}
                detail = {**told, "task": row.task, "status": row.status, "message": row.message}
                found.append(Happening("task", row.at, reached, detail))
        return found, reached


def _runs_of(connection: Any, incident_id: int | None, run_id: int | None) -> list[int] | None:
    if run_id is not None:
        return [run_id]
    if incident_id is None:
        return None
    query = select(runs.c.id).where(runs.c.incident_id == incident_id)
    return list(connection.execute(query).scalars())


def _subjects(incident_id: int | None, mine: list[int] | None) -> list[str] | None:
    if mine is None:
        return None
    own = [f"incident {incident_id}"] if incident_id is not None else []
    return [*own, *(f"run {one}" for one in mine)]
