"""The tables. Every change here needs a migration; a test compares the two."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    false,
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


class Words(TypeDecorator[str]):
    """Text from anywhere: half a surrogate pair, as bytes of no encoding leave it, becomes ``?``."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return the text as it can be stored."""
        return storable(value) if value is not None else None


def storable(text: str) -> str:
    """Return a text that can be written as UTF-8."""
    return text.encode("utf-8", "replace").decode()


incidents = Table(
    "incidents",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("state", String(32), nullable=False),
    Column("reason", String(64)),
    Column("detail", Words, nullable=False),
    Column("entity", Words, nullable=False),
    Column("host", Words, nullable=False),
    Column("fault", String(64)),
    Column("title", Words, nullable=False),
    Column("symptomatic", Boolean, nullable=False),
    Column("opened_at", Utc, nullable=False),
    Column("updated_at", Utc, nullable=False),
    Column("last_seen_at", Utc, nullable=False),
    Column("closed_at", Utc),
    Column("waits_until", Utc),
    Column("acknowledged_by", Words),
    Column("acknowledged_at", Utc),
    Column("diagnosis", Words, nullable=False),
    Column("options", Words, nullable=False),
    Column("parent_id", Integer),
    Index(None, "parent_id"),
    Index(None, "state"),
    Index(None, "opened_at"),
    Index(None, "fault", "entity"),
    Index(None, "symptomatic", "state"),
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
    Column("detail", Words, nullable=False),
    Column("actor", Words, nullable=False),
    Index(None, "incident_id"),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("incident_id", Integer, ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
    Column("state", String(16), nullable=False),
    Column("plan", Words, nullable=False),
    Column("needed", Integer, nullable=False),
    Column("requested_by", Words, nullable=False),
    Column("requested_at", Utc, nullable=False),
    Column("expires_at", Utc, nullable=False),
    Column("decided_at", Utc),
    Column("preview", Words),
    Column("request_id", Integer, ForeignKey("run_requests.id", ondelete="CASCADE")),
    Column("run_id", Integer, ForeignKey("runs.id", ondelete="CASCADE")),
    Index(None, "incident_id"),
    Index(None, "state"),
    sqlite_autoincrement=True,
)

votes = Table(
    "votes",
    metadata,
    Column("approval_id", Integer, ForeignKey("approvals.id", ondelete="CASCADE"), primary_key=True),
    Column("actor", Words, primary_key=True),
    Column("yes", Boolean, nullable=False),
    Column("comment", Words, nullable=False),
    Column("at", Utc, nullable=False),
    Column("person", Words, nullable=False),
)

run_requests = Table(
    "run_requests",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("incident_id", Integer, ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
    Column("remediation", String(64), nullable=False),
    Column("actor", Words, nullable=False),
    Column("person", Words, nullable=False),
    Column("comment", Words, nullable=False),
    Column("override_cooldown", Boolean, nullable=False),
    Column("at", Utc, nullable=False),
    Column("state", String(16), nullable=False),
    Column("answer", Words, nullable=False),
    Column("answered_at", Utc),
    Column("run_id", Integer, ForeignKey("runs.id", ondelete="CASCADE")),
    Index(None, "incident_id"),
    Index(None, "state"),
)

remediation_orders = Table(
    "remediation_orders",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("owner", Words, nullable=False),
    Column("key", String(255)),
    Column("digest", String(64), nullable=False),
    Column("at", Utc, nullable=False),
    Column("incident_id", Integer, ForeignKey("incidents.id", ondelete="CASCADE")),
    Column("remediation", String(64), nullable=False),
    Column("request_id", Integer, ForeignKey("run_requests.id", ondelete="CASCADE")),
    Column("refusal", Words, nullable=False),
    Index("ix_remediation_orders_key", "owner", "key", unique=True),
    Index(None, "incident_id"),
    sqlite_autoincrement=True,
)

alerts = Table(
    "alerts",
    metadata,
    Column("fingerprint", String(64), primary_key=True),
    Column("starts_at", Utc, primary_key=True),
    Column("name", Words, nullable=False),
    Column("labels", Words, nullable=False),
    Column("annotations", Words, nullable=False),
    Column("received_at", Utc, nullable=False),
    Column("last_seen_at", Utc, nullable=False),
    Column("resolved_at", Utc),
    Column("expired", Boolean, nullable=False, server_default=false()),
    Index(None, "resolved_at"),
)

events = Table(
    "events",
    metadata,
    Column("id", Words, primary_key=True),
    Column("kind", Words, nullable=False),
    Column("at", Utc, nullable=False),
    Column("message", Words, nullable=False),
    Column("labels", Words, nullable=False),
    Column("received_at", Utc, nullable=False),
    Index(None, "at"),
)

cursors = Table(
    "cursors",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("at", Utc, nullable=False),
)

log_spans = Table(
    "log_spans",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("at", Utc, primary_key=True),
    Column("told", Integer, nullable=False),
    Column("ids", LargeBinary, nullable=False),
)

log_templates = Table(
    "log_templates",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("text", Words, nullable=False),
    Column("lines", Integer, nullable=False),
    Column("first_seen_at", Utc, nullable=False),
    Column("last_seen_at", Utc, nullable=False),
)

log_counts = Table(
    "log_counts",
    metadata,
    Column("at", Utc, primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("key", Words, primary_key=True),
    Column("labels", Words, primary_key=True),
    Column("lines", Integer, nullable=False),
    Column("example", Words, nullable=False),
)

topologies = Table(
    "topologies",
    metadata,
    Column("version", String(16), primary_key=True),
    Column("first_seen_at", Utc, nullable=False),
    Column("edges", Words, nullable=False),
)

incident_topologies = Table(
    "incident_topologies",
    metadata,
    Column("incident_id", Integer, ForeignKey("incidents.id", ondelete="CASCADE"), primary_key=True),
    Column("version", String(16), ForeignKey("topologies.version"), nullable=False),
)

investigations = Table(
    "investigations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("incident_id", Integer, ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
    Column("at", Utc, nullable=False),
    Column("report", Words, nullable=False),
    Column("probes", Words, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("error", Words, nullable=False),
    Index(None, "incident_id"),
)

notifications = Table(
    "notifications",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("incident_id", Integer, ForeignKey("incidents.id", ondelete="CASCADE")),
    Column("kind", String(32), nullable=False),
    Column("target", String(64), nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("due_at", Utc, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error", Words, nullable=False),
    Column("subject", Words, nullable=False, server_default=""),
    Column("delivered", Words, nullable=False, server_default="[]"),
    Index(None, "state"),
    Index(None, "incident_id"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Utc, nullable=False),
    Column("actor", Words, nullable=False),
    Column("action", String(64), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("detail", Words, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index(None, "subject"),
)

audit_segments = Table(
    "audit_segments",
    metadata,
    Column("first_id", Integer, primary_key=True, autoincrement=False),
    Column("last_id", Integer, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("head", String(64), nullable=False),
    Column("file", Words, nullable=False),
    Column("sealed_at", Utc, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("incident_id", Integer, ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
    Column("remediation", String(64), nullable=False),
    Column("fault", String(64), nullable=False),
    Column("entity", Words, nullable=False),
    Column("phase", String(16), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(64)),
    Column("detail", Words, nullable=False),
    Column("actor", Words, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("started_at", Utc),
    Column("ended_at", Utc),
    Column("fresh_after", Utc),
    Column("verdict", String(16), nullable=False),
    Column("verdict_reason", String(64)),
    Column("verified_at", Utc),
    Column("evidence_at", Utc),
    Column("relapsed_at", Utc),
    Column("tells", Boolean, nullable=False),
    Column("cancel_asked_by", Words),
    Column("plan", Words, nullable=False),
    Column("checks", Words, nullable=False),
    Column("attribution", Words),
    Index(None, "incident_id"),
    Index(None, "state"),
    Index(None, "created_at"),
    Index(None, "verdict"),
    Index(None, "phase"),
    Index(None, "fault", "entity"),
    Index(None, "remediation", "created_at"),
    Index(None, "remediation", "verified_at"),
    Index(None, "remediation", "fault", "verdict", "started_at"),
    sqlite_autoincrement=True,
)

run_hosts = Table(
    "run_hosts",
    metadata,
    Column("run_id", Integer, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("identity", Words, primary_key=True),
    Column("host", Words, nullable=False),
    Index(None, "identity"),
)

host_locks = Table(
    "host_locks",
    metadata,
    Column("identity", Words, primary_key=True),
    Column("host", Words, nullable=False),
    Column("run_id", Integer, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
)

steps = Table(
    "steps",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", Integer, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("name", Words, nullable=False),
    Column("playbook", Words, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("started_at", Utc, nullable=False),
    Column("ended_at", Utc, nullable=False),
    Column("changed", Words, nullable=False),
    Column("output", Words, nullable=False),
    Column("detail", Words, nullable=False),
    Index(None, "run_id"),
)

task_events = Table(
    "task_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", Integer, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("at", Utc, nullable=False),
    Column("step", Words, nullable=False),
    Column("host", Words, nullable=False),
    Column("task", Words, nullable=False),
    Column("status", String(16), nullable=False),
    Column("message", Words, nullable=False),
    Index(None, "run_id"),
)

pauses = Table(
    "pauses",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("since", Utc, nullable=False),
    Column("until", Utc),
    Column("actor", Words, nullable=False),
    Column("why", Words, nullable=False),
    Column("scope", Words, nullable=False),
    Column("ended_at", Utc),
    Column("ended_by", Words),
)

in_force = Table(
    "in_force",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("content", Words, nullable=False),
    Column("at", Utc, nullable=False),
)
