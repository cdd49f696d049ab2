"""The tables of what people said, and what became of it."""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, String, Table

from agent.store.schema.base import Utc, Words, metadata

feedback = Table(
    "feedback",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("author", Words, nullable=False),
    Column("at", Utc, nullable=False),
    Column("note", Words, nullable=False),
    Column("incident_id", ForeignKey("incidents.id", ondelete="CASCADE")),
    Column("fault", Words, nullable=False),
    Column("remediation", Words, nullable=False),
    Column("entity", Words, nullable=False),
    Column("anomaly_id", String(16), nullable=False),
    Column("signal", Words, nullable=False),
    Column("labels", Words, nullable=False),
    Column("layer", String(16), nullable=False),
    Column("strength", Float, nullable=False),
    Column("since", Utc),
    Column("until", Utc),
    Index(None, "at"),
    Index(None, "incident_id"),
)

proposals = Table(
    "proposals",
    metadata,
    Column("feedback_id", ForeignKey("feedback.id", ondelete="CASCADE"), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("at", Utc, nullable=False),
    Column("why", Words, nullable=False),
)
