"""The table of what was said about the future. Every change needs a migration."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, String, Table

from agent.store.schema import Utc, Words, metadata

forecasts = Table(
    "forecasts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("signal", Words, nullable=False),
    Column("entity", Words, nullable=False),
    Column("labels", Words, nullable=False),
    Column("began", Utc, nullable=False),
    Column("said_at", Utc, nullable=False),
    Column("said", Words, nullable=False),
    Column("now", Words, nullable=False),
    Column("state", String(16), nullable=False),
    Column("ended_at", Utc),
    Index(None, "state"),
    sqlite_autoincrement=True,
)
