"""The tables of what was said about the future: what is used up when, and how likely hosts fail."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Index, Integer, String, Table, false

from agent.store.schema.base import Utc, Words, metadata

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

failure_forecasts = Table(
    "failure_forecasts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("host", Words, nullable=False),
    Column("horizon_s", Integer, nullable=False),
    Column("probability", Float, nullable=False),
    Column("base", Float, nullable=False),
    Column("now", Float, nullable=False),
    Column("training", Words, nullable=False),
    Column("because", Words, nullable=False),
    Column("at", Utc, nullable=False),
    Column("state", String(16), nullable=False),
    Column("ended_at", Utc),
    Column("beside", Boolean, nullable=False, server_default=false()),
    Index(None, "state"),
    sqlite_autoincrement=True,
)
