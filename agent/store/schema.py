"""The tables. Every change here needs a migration; a test compares the two."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.engine import Dialect

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Utc(TypeDecorator[datetime]):
    """An aware time in UTC, on SQLite too, which knows no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive time, which would be somebody's local one."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a naive time was given to the store")
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return the time aware again."""
        if value is None:
            return None
        aware: datetime = value if value.tzinfo else value.replace(tzinfo=UTC)
        return aware


incidents = Table(
    "incidents",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("state", String(32), nullable=False),
    Column("reason", String(64)),
    Column("detail", Text, nullable=False),
    Column("entity", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("fault", String(64)),
    Column("title", Text, nullable=False),
    Column("symptomatic", Boolean, nullable=False),
    Column("opened_at", Utc, nullable=False),
    Column("updated_at", Utc, nullable=False),
    Column("last_seen_at", Utc, nullable=False),
    Column("closed_at", Utc),
    Column("diagnosis", Text, nullable=False),
    Index(None, "state"),
    Index(None, "opened_at"),
    sqlite_autoincrement=True,
)

transitions = Table(
    "transitions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("incident_id", Integer, ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
    Column("at", Utc, nullable=False),
    Column("state", String(32), nullable=False),
    Column("reason", String(64)),
    Column("detail", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Index(None, "incident_id"),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("incident_id", Integer, ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
    Column("state", String(16), nullable=False),
    Column("plan", Text, nullable=False),
    Column("requested_at", Utc, nullable=False),
    Column("decided_at", Utc),
    Column("decided_by", Text),
    Column("comment", Text, nullable=False),
    Index(None, "incident_id"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("incident_id", Integer, ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
    Column("remediation", String(64), nullable=False),
    Column("fault", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(64)),
    Column("detail", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("started_at", Utc),
    Column("ended_at", Utc),
    Column("fresh_after", Utc),
    Column("verdict", String(16), nullable=False),
    Column("verdict_reason", String(64)),
    Column("verified_at", Utc),
    Column("cancel_asked_by", Text),
    Column("plan", Text, nullable=False),
    Column("checks", Text, nullable=False),
    Index(None, "incident_id"),
    Index(None, "state"),
    sqlite_autoincrement=True,
)

run_hosts = Table(
    "run_hosts",
    metadata,
    Column("run_id", Integer, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("host", String(255), primary_key=True),
    Index(None, "host"),
)

host_locks = Table(
    "host_locks",
    metadata,
    Column("host", String(255), primary_key=True),
    Column("run_id", Integer, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
)

steps = Table(
    "steps",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", Integer, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("playbook", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("started_at", Utc, nullable=False),
    Column("ended_at", Utc, nullable=False),
    Column("changed", Text, nullable=False),
    Column("output", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Index(None, "run_id"),
)

task_events = Table(
    "task_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", Integer, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("at", Utc, nullable=False),
    Column("step", Text, nullable=False),
    Column("host", String(255), nullable=False),
    Column("task", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("message", Text, nullable=False),
    Index(None, "run_id"),
)

pauses = Table(
    "pauses",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("since", Utc, nullable=False),
    Column("until", Utc),
    Column("actor", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("ended_at", Utc),
    Column("ended_by", Text),
)
