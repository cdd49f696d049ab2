"""The tables of incidents, what was found out about each, and what people were told of it."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, String, Table

from agent.store.schema.base import Utc, Words, metadata

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
