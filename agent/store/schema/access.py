"""The tables about who may come in: of every secret only its digest."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table

from agent.store.schema.base import Utc, Words, metadata

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("person", Words, nullable=False),
    Column("scope", String(16), nullable=False),
    Column("role", String(64)),
    Column("note", Words, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("created_by", Words, nullable=False),
    Column("expires_at", Utc),
    Column("last_used_at", Utc),
    Column("revoked_at", Utc),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("token_id", Words, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("expires_at", Utc, nullable=False),
    Index(None, "expires_at"),
)

decision_links = Table(
    "decision_links",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("person", Words, nullable=False),
    Column("incident_id", Integer, ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
    Column("approval_id", Integer, ForeignKey("approvals.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("expires_at", Utc, nullable=False),
    Index(None, "expires_at"),
)
