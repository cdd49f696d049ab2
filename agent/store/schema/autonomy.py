"""The table of the steps of autonomy."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, String, Table

from agent.store.schema.base import Utc, Words, metadata

# what a run did stays known after the run is forgotten, so its number is no key of another table
autonomy_steps = Table(
    "autonomy_steps",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("remediation", String(64), nullable=False),
    Column("fault", String(64), nullable=False),
    Column("up", Boolean, nullable=False),
    Column("at", Utc, nullable=False),
    Column("actor", Words, nullable=False),
    Column("why", Words, nullable=False),
    Column("run_id", Integer, unique=True),
    Index(None, "remediation", "fault"),
)
