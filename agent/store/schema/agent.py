"""The tables about the agent itself: its audit, its pauses, and by what it goes."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, String, Table

from agent.store.schema.base import Utc, Words, metadata

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
