"""Remediations that people asked for by name: taken up by the agent, answered once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update

from agent.store.audit import append
from agent.store.engine import Database
from agent.store.schema import run_requests


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """A person asks to run a remediation for an incident."""

    id: int
    incident_id: int
    remediation: str
    actor: str
    at: datetime


class RunRequestStore:
    """Keeps requests until they are answered."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, incident_id: int, remediation: str, actor: str, now: datetime) -> None:
        """Ask for a remediation."""
        with self._database.transaction() as connection:
            values = {"incident_id": incident_id, "remediation": remediation, "actor": actor, "at": now}
            connection.execute(insert(run_requests).values(**values))
            detail = {"remediation": remediation}
            append(connection, now, actor, "run asked for", f"incident {incident_id}", detail)

    def open(self) -> list[RunRequest]:
        """Return the requests that have no answer yet, oldest first."""
        query = select(run_requests).where(run_requests.c.answer.is_(None)).order_by(run_requests.c.id)
        with self._database.reading() as connection:
            return [
                RunRequest(
                    id=row.id,
                    incident_id=row.incident_id,
                    remediation=row.remediation,
                    actor=row.actor,
                    at=row.at,
                )
                for row in connection.execute(query)
            ]

    def answer(self, request: RunRequest, answer: str) -> None:
        """Say what became of a request."""
        with self._database.transaction() as connection:
            connection.execute(
                update(run_requests).where(run_requests.c.id == request.id).values(answer=answer)
            )
