"""The table of how likely hosts were said to fail. Every change needs a migration."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, String, Table

from agent.store.schema import Utc, Words, metadata

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
    Index(None, "state"),
    sqlite_autoincrement=True,
)
