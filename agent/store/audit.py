"""Who did what, when and why: append-only, each entry chained to the one before by its hash.

Entries are written in the transaction of what they tell about. Triggers of the database refuse changes;
whoever removes the triggers as well breaks the chain, and ``verify`` finds where. Only cutting off the
newest entries leaves a chain that is whole, so the head's hash also goes to the log. What is old is sealed
into files (``auditchain``), and only what is in a file may leave the table.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select
from sqlalchemy.engine import Row

from agent.store.auditchain import (
    GENESIS,
    AuditEntry,
    ChainState,
    Link,
    hash_of,
    read_links,
    walk,
    write_links,
)
from agent.store.engine import Database
from agent.store.schema import audit, audit_segments, storable

STARTED, STOPPED = "agent started", "agent stopped"
"""What the agent notes of its own life."""

_MOST = 100_000  # entries of a segment


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSegment:
    """A part of the audit that was sealed into a file and taken out of the table.

    ``previous`` is the hash that its first entry follows, ``head`` that of its last.
    """

    first_id: int
    last_id: int
    previous: str
    head: str
    file: str
    sealed_at: datetime


def append(
    connection: Connection,
    at: datetime,
    actor: str,
    action: str,
    subject: str,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Write an entry inside a transaction of the caller's."""
    previous = _head(connection)
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
            hash=hash_of(previous, at, actor, action, subject, text),
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

    def absences(self) -> Sequence[tuple[datetime | None, datetime | None]]:
        """Return when the agent was not there, as far as the table goes, in the order of time.

        None stands for any time before, or after. What crashed was there until its last entry.
        """
        it = audit.alias()
        own = audit.c.actor == "opsmend"
        before = select(audit.c.at).where(audit.c.id < it.c.id, own).order_by(audit.c.id.desc()).limit(1)
        lives = (
            select(it.c.at, it.c.action, before.scalar_subquery().label("last_sign"))
            .where(it.c.subject == "agent", it.c.action.in_([STARTED, STOPPED]))
            .order_by(it.c.id)
        )
        with self._database.reading() as connection:
            rows = connection.execute(lives).all()
            sealed = connection.execute(select(audit_segments.c.file).limit(1)).scalar() is not None
        found = []
        stopped: datetime | None = None
        for row in rows:
            if row.action == STARTED and (stopped or row.last_sign or not sealed):
                found.append((stopped or row.last_sign, row.at))
            stopped = row.at if row.action == STOPPED else None
        if stopped is not None or not (rows or sealed):
            found.append((stopped, None))
        return found

    def verify(self, head: str | None = None) -> ChainState:
        """Walk the chain in the table from where the last segment ends, and from one segment to the next.

        ``head`` is a hash noted earlier that must still be in it, or be where a segment ends.
        """
        segments = self.segments()
        seen = head is None or any(one.head == head for one in segments)
        previous, next_id = GENESIS, None
        for one in segments:
            if one.previous != previous or next_id not in (None, one.first_id):
                why = f"the segment in {one.file} does not follow from the one before"
                return ChainState(entries=0, head=previous, broken_at=one.first_id, why=why)
            previous, next_id = one.head, one.last_id + 1

        def looking() -> Iterator[Link]:
            nonlocal seen
            for link in self._links():
                seen = seen or link.hash == head
                yield link

        state = walk(looking(), previous, next_id)
        if state.broken_at is None and not seen:
            why = "the given head is not in the chain: its newest entries were cut off"
            return ChainState(entries=state.entries, head=state.head, broken_at=state.last_id + 1, why=why)
        return state

    def segments(self) -> Sequence[AuditSegment]:
        """Return the parts that were sealed, oldest first."""
        query = select(audit_segments).order_by(audit_segments.c.first_id)
        with self._database.reading() as connection:
            return [AuditSegment(**row._mapping) for row in connection.execute(query)]

    def seal(self, before: datetime, folder: Path, now: datetime) -> AuditSegment | None:
        """Take the oldest entries, up to the first that is not older than ``before``, into a file of its own.

        They leave the table once the file is on disk. A crash between the two writes the same file again.
        Raises StoreError.
        """
        old = self._older(before)
        links = [*self._links(last_id=old[1])] if old is not None else []
        if not links:
            return None
        file = folder / f"{links[0].id:09}-{links[-1].id:09}.jsonl.gz"
        write_links(file, links)
        segment = AuditSegment(
            first_id=links[0].id,
            last_id=links[-1].id,
            previous=links[0].previous,
            head=links[-1].hash,
            file=file.name,
            sealed_at=now,
        )
        with self._database.transaction() as connection:
            values = {one.name: getattr(segment, one.name) for one in fields(segment)}
            connection.execute(insert(audit_segments).values(**values))
            told = {"file": file.name, "head": segment.head, "entries": len(links)}
            append(connection, now, "opsmend", "audit sealed", "audit", told)
            connection.execute(delete(audit).where(audit.c.id <= segment.last_id))
        return segment

    def export(self, file: Path, folder: Path) -> ChainState:
        """Write the whole chain, sealed parts too where their files are in a folder, and verify the file.

        Raises StoreError.
        """
        sealed = [folder / one.file for one in self.segments()]
        present = [one for one in sealed if one.is_file()]
        write_links(file, chain(*map(read_links, present), self._links()))
        return walk(read_links(file))

    def head(self) -> str:
        """Return the hash of the newest entry."""
        with self._database.reading() as connection:
            return _head(connection)

    def _older(self, before: datetime) -> tuple[int, int] | None:
        """Return the first and last of the entries that may be sealed, or None."""
        newer = select(func.min(audit.c.id)).where(audit.c.at >= before).scalar_subquery()
        query = select(func.min(audit.c.id), func.max(audit.c.id)).where(audit.c.id < newer)
        with self._database.reading() as connection:
            first, last = connection.execute(query).one()
        return (first, min(last, first + _MOST - 1)) if first is not None else None

    def _links(self, last_id: int | None = None) -> Iterator[Link]:
        query = select(audit).order_by(audit.c.id)
        if last_id is not None:
            query = query.where(audit.c.id <= last_id)
        with self._database.reading() as connection:
            for row in connection.execution_options(yield_per=1000).execute(query):
                yield Link(**row._mapping)


def _head(connection: Connection) -> str:
    newest: str | None = connection.execute(
        select(audit.c.hash).order_by(audit.c.id.desc()).limit(1)
    ).scalar()
    return newest or GENESIS


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
