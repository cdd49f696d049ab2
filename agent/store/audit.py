"""Who did what, when and why: append-only, each entry chained to the one before by its hash.

Entries are written in the transaction of what they tell about. Triggers of the database refuse changes;
whoever removes the triggers as well breaks the chain, and ``verify`` finds where. Only cutting off the
newest entries leaves a chain that is whole, so the head's hash also goes to the log.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.engine import Row

from agent.store.engine import Database
from agent.store.schema import audit, storable

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One entry. ``subject`` is what it is about, such as ``incident 7`` or ``run 3``."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]
    previous: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainState:
    """What verifying the chain found: how many entries, the head, and the first entry that is wrong."""

    entries: int
    head: str
    broken_at: int | None = None
    why: str = ""


def append(
    connection: Connection,
    at: datetime,
    actor: str,
    action: str,
    subject: str,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Write an entry inside a transaction of the caller's."""
    previous = connection.execute(select(audit.c.hash).order_by(audit.c.id.desc()).limit(1)).scalar()
    previous = previous or GENESIS
    actor, subject = storable(actor), storable(subject)
    text = storable(json.dumps(detail or {}, sort_keys=True, ensure_ascii=False, default=str))
    connection.execute(
        insert(audit).values(
            at=at,
            actor=actor,
            action=action,
            subject=subject,
            detail=text,
            previous=previous,
            hash=_hash(previous, at, actor, action, subject, text),
        )
    )


class AuditStore:
    """Reads and verifies the audit."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, at: datetime, actor: str, action: str, subject: str, **detail: Any) -> None:
        """Write an entry about something that is no change of another table."""
        with self._database.transaction() as connection:
            append(connection, at, actor, action, subject, detail)

    def list(
        self, subject: str | None = None, limit: int = 100, before: int | None = None
    ) -> list[AuditEntry]:
        """Return the newest entries first, older than ``before`` where it is given."""
        query = select(audit).order_by(audit.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(audit.c.id < before)
        if subject is not None:
            query = query.where(audit.c.subject == subject)
        with self._database.reading() as connection:
            return [_to_entry(row) for row in connection.execute(query)]

    def verify(self, head: str | None = None) -> ChainState:
        """Walk the whole chain. ``head`` is a hash noted earlier that must still be in it."""
        previous, count, expected_id, seen = GENESIS, 0, None, head is None
        for row in self._rows():
            if expected_id is not None and row.id != expected_id:
                why = f"entries {expected_id} to {row.id - 1} are missing"
                return ChainState(entries=count, head=previous, broken_at=expected_id, why=why)
            if row.previous != previous:
                why = "it does not follow from the entry before"
                return ChainState(entries=count, head=previous, broken_at=row.id, why=why)
            if row.hash != _hash(row.previous, row.at, row.actor, row.action, row.subject, row.detail):
                why = "its content is not what its hash says"
                return ChainState(entries=count, head=previous, broken_at=row.id, why=why)
            previous, count, expected_id = row.hash, count + 1, row.id + 1
            seen = seen or row.hash == head
        if not seen:
            why = "the given head is not in the chain: its newest entries were cut off"
            return ChainState(entries=count, head=previous, broken_at=expected_id or 1, why=why)
        return ChainState(entries=count, head=previous)

    def head(self) -> str:
        """Return the hash of the newest entry."""
        query = select(audit.c.hash).order_by(audit.c.id.desc()).limit(1)
        with self._database.reading() as connection:
            return connection.execute(query).scalar() or GENESIS

    def _rows(self) -> Iterator[Row[Any]]:
        with self._database.reading() as connection:
            yield from connection.execution_options(yield_per=1000).execute(
                select(audit).order_by(audit.c.id)
            )


def _hash(previous: str, at: datetime, actor: str, action: str, subject: str, detail: str) -> str:
    moment = at.astimezone(UTC).isoformat(timespec="microseconds")
    content = json.dumps([previous, moment, actor, action, subject, detail], ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()


def _to_entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(
        id=row.id,
        at=row.at,
        actor=row.actor,
        action=row.action,
        subject=row.subject,
        detail=json.loads(row.detail),
        previous=row.previous,
        hash=row.hash,
    )
