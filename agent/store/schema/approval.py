"""The tables of what people are asked, and of what people and programs ask for."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table

from agent.store.schema.base import Utc, Words, metadata

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
