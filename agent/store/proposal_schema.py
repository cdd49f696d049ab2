"""The table of what became of feedback. Every change needs a migration."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, String, Table

from agent.store.schema import Utc, Words, metadata

proposals = Table(
    "proposals",
    metadata,
    Column("feedback_id", ForeignKey("feedback.id", ondelete="CASCADE"), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("at", Utc, nullable=False),
    Column("why", Words, nullable=False),
)
