"""Remediations that people asked for by name: each waits until it is answered, once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.engine import Row

from agent.errors import ConflictError
from agent.records import Person, RunRequest
from agent.store.audit import append
from agent.store.documents import from_json, to_json
from agent.store.engine import Database
from agent.store.schema import run_requests


class RunRequestStore:
    """Keeps requests and their answers. An incident has one open request at most."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        incident_id: int,
        remediation: str,
        person: Person,
        now: datetime,
        comment: str = "",
        override_cooldown: bool = False,
    ) -> RunRequest:
        """Ask for a remediation. Raises ConflictError when somebody's request is open already."""
        with self._database.transaction() as connection:
            return add_request(connection, incident_id, remediation, person, now, comment, override_cooldown)

    def get(self, request_id: int) -> RunRequest:
        """Return one request."""
        with self._database.reading() as connection:
            return _read(connection, request_id)

    def open(self) -> list[RunRequest]:
        """Return the requests that have no answer yet, oldest first."""
        query = select(run_requests).where(run_requests.c.state == "open").order_by(run_requests.c.id)
        with self._database.reading() as connection:
            return [_to_request(row) for row in connection.execute(query)]

    def of_incident(self, incident_id: int) -> list[RunRequest]:
        """Return all requests for an incident, oldest first."""
        mine = run_requests.c.incident_id == incident_id
        query = select(run_requests).where(mine).order_by(run_requests.c.id)
        with self._database.reading() as connection:
            return [_to_request(row) for row in connection.execute(query)]


def add_request(
    connection: Connection,
    incident_id: int,
    remediation: str,
    person: Person,
    now: datetime,
    comment: str = "",
    override_cooldown: bool = False,
) -> RunRequest:
    """Ask for a remediation. Raises ConflictError when somebody's request is open already."""
    mine = (run_requests.c.incident_id == incident_id) & (run_requests.c.state == "open")
    other = connection.execute(select(run_requests).where(mine)).first()
    if other is not None:
        raise ConflictError(
            f"incident {incident_id}: {other.actor} has asked for {other.remediation} already"
        )
    values = {
        "incident_id": incident_id,
        "remediation": remediation,
        "actor": person.name,
        "person": to_json(Person, person),
        "comment": comment,
        "override_cooldown": override_cooldown,
        "at": now,
        "state": "open",
        "answer": "",
    }
    key = connection.execute(insert(run_requests).values(**values)).inserted_primary_key
    assert key is not None
    detail = {"remediation": remediation, "override": override_cooldown, "comment": comment}
    append(connection, now, person.name, "run asked for", f"incident {incident_id}", detail)
    return _read(connection, key[0])


def answer_request(
    connection: Connection,
    request: RunRequest,
    state: str,
    answer: str,
    now: datetime,
    run_id: int | None = None,
) -> None:
    """Say what became of a request. Raises ConflictError when it was answered already."""
    mine = (run_requests.c.id == request.id) & (run_requests.c.state == "open")
    values = {"state": state, "answer": answer, "answered_at": now, "run_id": run_id}
    if connection.execute(update(run_requests).where(mine).values(**values)).rowcount != 1:
        raise ConflictError(f"request {request.id} was answered already")
    detail = {"remediation": request.remediation, "asked_by": request.person.name, "answer": answer}
    append(connection, now, "opsmend", f"request {state}", f"incident {request.incident_id}", detail)


def withdraw_requests(connection: Connection, incident_id: int, answer: str, now: datetime) -> None:
    """Answer what is still open of an incident that is over."""
    mine = (run_requests.c.incident_id == incident_id) & (run_requests.c.state == "open")
    values = {"state": "withdrawn", "answer": answer, "answered_at": now}
    connection.execute(update(run_requests).where(mine).values(**values))


def _read(connection: Connection, request_id: int) -> RunRequest:
    return _to_request(connection.execute(select(run_requests).where(run_requests.c.id == request_id)).one())


def _to_request(row: Row[Any]) -> RunRequest:
    return RunRequest(
        id=row.id,
        incident_id=row.incident_id,
        remediation=row.remediation,
        person=from_json(Person, row.person),
        at=row.at,
        comment=row.comment,
        override_cooldown=row.override_cooldown,
        state=row.state,
        answer=row.answer,
        answered_at=row.answered_at,
        run_id=row.run_id,
    )
