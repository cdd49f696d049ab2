"""The tables of what arrives by itself, and up to where it was read."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, String, Table, false

from agent.store.schema.base import Utc, Words, metadata

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
