"""What was read of logs: how far, which lines, how many of each kind. One reading is kept whole or not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, cast, delete, func, select
from sqlalchemy.dialects.sqlite import insert

from agent.records import LogCount, LogSpan, TemplateSeen
from agent.store.documents import from_json, to_json
from agent.store.engine import Database
from agent.store.schema import cursors, log_counts, log_spans, log_templates

_MOST = 50_000  # counts of one answer
_Labels = dict[str, str]


class LogStore:
    """Keeps counts together with the lines they are of, so that a crash between the two cannot be."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(
        self,
        source: str,
        spans: Iterable[LogSpan],
        counts: Iterable[LogCount],
        templates: Iterable[TemplateSeen] = (),
    ) -> None:
        """Add counts, and replace what is known of spans and templates, in one transaction."""
        with self._database.transaction() as connection:
            _add_counts(connection, counts)
            for span in spans:
                values = {"told": span.told, "ids": span.ids}
                connection.execute(
                    insert(log_spans)
                    .values(source=source, at=span.at, **values)
                    .on_conflict_do_update(index_elements=["source", "at"], set_=values)
                )
            _keep_templates(connection, templates)

    def spans(self, source: str, start: datetime) -> dict[datetime, LogSpan]:
        """Return what was read of the spans from a time on."""
        query = select(log_spans).where(log_spans.c.source == source, log_spans.c.at >= start)
        with self._database.reading() as connection:
            return {
                row.at: LogSpan(at=row.at, told=row.told, ids=row.ids) for row in connection.execute(query)
            }

    def cursor(self, source: str) -> datetime | None:
        """Return the time before which nothing is looked for any more; None before the first reading."""
        with self._database.reading() as connection:
            at: datetime | None = connection.execute(
                select(cursors.c.at).where(cursors.c.source == source)
            ).scalar()
            return at

    def move_cursor(self, source: str, at: datetime) -> None:
        """Look for nothing before ``at`` any more, and forget which lines were read before it."""
        with self._database.transaction() as connection:
            connection.execute(
                insert(cursors)
                .values(source=source, at=at)
                .on_conflict_do_update(index_elements=["source"], set_={"at": at})
            )
            connection.execute(delete(log_spans).where(log_spans.c.source == source, log_spans.c.at < at))

    def templates(self) -> list[TemplateSeen]:
        """Return all templates, by number."""
        with self._database.reading() as connection:
            return [
                TemplateSeen(
                    number=row.number,
                    text=row.text,
                    lines=row.lines,
                    first_seen_at=row.first_seen_at,
                    last_seen_at=row.last_seen_at,
                )
                for row in connection.execute(select(log_templates).order_by(log_templates.c.number))
            ]

    def counts(self, start: datetime, kinds: Sequence[str]) -> list[LogCount]:
        """Return the newest counts of some kinds from a time on, oldest first."""
        query = (
            select(log_counts)
            .where(log_counts.c.at >= start, log_counts.c.kind.in_(kinds))
            .order_by(log_counts.c.at.desc())
            .limit(_MOST)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [_count(row) for row in reversed(rows)]

    def unusual(self, start: datetime, few: int) -> tuple[list[LogCount], frozenset[str]]:
        """Return the newest counts from a time on of templates that are new since then, or have few lines.

        Oldest first, with when each was first seen; and the numbers of those with few lines in all.
        """
        query = (
            select(log_counts, log_templates.c.first_seen_at, (log_templates.c.lines <= few).label("few"))
            .join(log_templates, cast(log_counts.c.key, Integer) == log_templates.c.number)
            .where(log_counts.c.at >= start, log_counts.c.kind == "template")
            .where((log_templates.c.lines <= few) | (log_templates.c.first_seen_at >= start))
            .order_by(log_counts.c.at.desc())
            .limit(_MOST)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        counts = [replace(_count(row), first_seen_at=row.first_seen_at) for row in reversed(rows)]
        return counts, frozenset(row.key for row in rows if row.few)

    def began(self) -> datetime | None:
        """Return when the first line of all was seen; None before that."""
        query = select(log_templates.c.first_seen_at).order_by(log_templates.c.first_seen_at).limit(1)
        with self._database.reading() as connection:
            at: datetime | None = connection.execute(query).scalar()
            return at

    def lines(self) -> int:
        """Return how many lines were counted, as far back as counts are kept."""
        query = select(func.coalesce(func.sum(log_counts.c.lines), 0)).where(log_counts.c.kind == "template")
        with self._database.reading() as connection:
            total: int = connection.execute(query).scalar_one()
            return total


def _count(row: Any) -> LogCount:
    return LogCount(
        at=row.at,
        kind=row.kind,
        key=row.key,
        labels=from_json(_Labels, row.labels),
        lines=row.lines,
        example=row.example,
    )


def _add_counts(connection: Connection, counts: Iterable[LogCount]) -> None:
    rows = [
        {
            "at": count.at,
            "kind": count.kind,
            "key": count.key,
            "labels": to_json(_Labels, dict(sorted(count.labels.items()))),
            "lines": count.lines,
            "example": count.example,
        }
        for count in counts
    ]
    if rows:
        added = insert(log_counts)
        connection.execute(
            added.on_conflict_do_update(
                index_elements=["at", "kind", "key", "labels"],
                set_={"lines": log_counts.c.lines + added.excluded.lines, "example": added.excluded.example},
            ),
            rows,
        )


def _keep_templates(connection: Connection, templates: Iterable[TemplateSeen]) -> None:
    for one in templates:
        values = {"text": one.text, "lines": one.lines, "last_seen_at": one.last_seen_at}
        connection.execute(
            insert(log_templates)
            .values(number=one.number, first_seen_at=one.first_seen_at, **values)
            .on_conflict_do_update(index_elements=["number"], set_=values)
        )
        if one.joined:
            connection.execute(delete(log_templates).where(log_templates.c.number.in_(one.joined)))
