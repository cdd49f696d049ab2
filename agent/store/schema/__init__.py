"""The tables, one module an area. Every change here needs a migration; a test compares the two."""

from agent.store.schema.access import decision_links, sessions, tokens
from agent.store.schema.agent import audit, audit_segments, in_force, pauses
from agent.store.schema.approval import approvals, remediation_orders, run_requests, votes
from agent.store.schema.arrival import alerts, cursors, events, log_counts, log_spans, log_templates
from agent.store.schema.autonomy import autonomy_steps
from agent.store.schema.base import Utc, Words, metadata, storable
from agent.store.schema.foresight import failure_forecasts, forecasts
from agent.store.schema.incident import (
    incident_topologies,
    incidents,
    investigations,
    notifications,
    topologies,
    transitions,
)
from agent.store.schema.run import host_locks, run_hosts, runs, steps, task_events
from agent.store.schema.teaching import feedback, proposals

__all__ = [
    "Utc",
    "Words",
    "alerts",
    "approvals",
    "audit",
    "audit_segments",
    "autonomy_steps",
    "cursors",
    "decision_links",
    "events",
    "failure_forecasts",
    "feedback",
    "forecasts",
    "host_locks",
    "in_force",
    "incident_topologies",
    "incidents",
    "investigations",
    "log_counts",
    "log_spans",
    "log_templates",
    "metadata",
    "notifications",
    "pauses",
    "proposals",
    "remediation_orders",
    "run_hosts",
    "run_requests",
    "runs",
    "sessions",
    "steps",
    "storable",
    "task_events",
    "tokens",
    "topologies",
    "transitions",
    "votes",
]
