"""The tables of runs, what each did, and on which machines."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table

from agent.store.schema.base import Utc, Words, metadata

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("incident_id", Integer, ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
    Column("remediation", String(64), nullable=False),
    Column("fault", String(64), nullable=False),
    Column("entity", Words, nullable=False),
    Column("phase", String(16), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(64)),
    Column("detail", Words, nullable=False),
    Column("actor", Words, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("started_at", Utc),
    Column("ended_at", Utc),
    Column("fresh_after", Utc),
    Column("verdict", String(16), nullable=False),
    Column("verdict_reason", String(64)),
    Column("verified_at", Utc),
    Column("evidence_at", Utc),
    Column("relapsed_at", Utc),
    Column("tells", Boolean, nullable=False),
    Column("cancel_asked_by", Words),
    Column("plan", Words, nullable=False),
    Column("checks", Words, nullable=False),
    Column("attribution", Words),
    Index(None, "incident_id"),
    Index(None, "state"),
    Index(None, "created_at"),
    Index(None, "verdict"),
    Index(None, "phase"),
    Index(None, "fault", "entity"),
    Index(None, "remediation", "created_at"),
    Index(None, "remediation", "verified_at"),
    Index(None, "remediation", "fault", "verdict", "started_at"),
    sqlite_autoincrement=True,
)

run_hosts = Table(
    "run_hosts",
    metadata,
    Column("run_id", Integer, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("identity", Words, primary_key=True),
    Column("host", Words, nullable=False),
    Index(None, "identity"),
)

host_locks = Table(
    "host_locks",
    metadata,
    Column("identity", Words, primary_key=True),
    Column("host", Words, nullable=False),
    Column("run_id", Integer, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
)

steps = Table(
    "steps",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", Integer, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("name", Words, nullable=False),
    Column("playbook", Words, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("started_at", Utc, nullable=False),
    Column("ended_at", Utc, nullable=False),
    Column("changed", Words, nullable=False),
    Column("output", Words, nullable=False),
    Column("detail", Words, nullable=False),
    Index(None, "run_id"),
)

task_events = Table(
    "task_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", Integer, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("at", Utc, nullable=False),
    Column("step", Words, nullable=False),
    Column("host", Words, nullable=False),
    Column("task", Words, nullable=False),
    Column("status", String(16), nullable=False),
    Column("message", Words, nullable=False),
    Index(None, "run_id"),
)
