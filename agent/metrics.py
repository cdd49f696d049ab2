"""The agent's own metrics, all beginning with ``opsmend_``."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry()

POLLS = Counter("opsmend_polls", "Polls of the metric source", registry=REGISTRY)
LATE_POLLS = Counter("opsmend_late_polls", "Polls that began late or not at all", registry=REGISTRY)
POLL_SECONDS = Histogram(
    "opsmend_poll_seconds",
    "How long a poll took, from question to decisions",
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
    registry=REGISTRY,
)
SERIES = Gauge("opsmend_series", "Series that are watched", registry=REGISTRY)
ANOMALIES = Gauge("opsmend_anomalies", "Anomalies that are open", registry=REGISTRY)
SIGNALS_FAILED = Gauge(
    "opsmend_signals_failed", "Signals without an answer in the last poll", registry=REGISTRY
)
SIGNALS_PARTIAL = Gauge(
    "opsmend_signals_partial", "Signals that the last poll has answered in part only", registry=REGISTRY
)
SIGNALS_DOUBTFUL = Gauge(
    "opsmend_signals_doubtful", "Signals with samples that are not believed", registry=REGISTRY
)
ALERTS = Counter("opsmend_alerts", "Alerts taken in, by what became of them", ["state"], registry=REGISTRY)
ALERTS_SENT = Counter(
    "opsmend_alerts_sent", "Anomalies sent to an Alertmanager, repeats too", ["state"], registry=REGISTRY
)
SERIES_REFUSED = Gauge(
    "opsmend_series_refused", "Samples of the last poll that found no place", registry=REGISTRY
)
SERIES_FORGOTTEN = Gauge(
    "opsmend_series_forgotten", "Idle series that were forgotten to make room", registry=REGISTRY
)
DECISIONS = Counter(
    "opsmend_decisions", "Decisions, counted when they change", ["action", "reason"], registry=REGISTRY
)
RUNS = Counter("opsmend_runs", "Runs that ended", ["remediation", "state", "reason"], registry=REGISTRY)
VERDICTS = Counter("opsmend_verdicts", "Runs that were judged", ["remediation", "verdict"], registry=REGISTRY)
NOTIFICATIONS = Counter("opsmend_notifications", "Messages to people", ["state"], registry=REGISTRY)
SOURCE_UP = Gauge("opsmend_source_up", "Whether a source was read", ["source"], registry=REGISTRY)
SOURCE_READ = Gauge(
    "opsmend_source_read_timestamp_seconds", "When a source was last read", ["source"], registry=REGISTRY
)
LAST_POLL = Gauge(
    "opsmend_last_poll_timestamp_seconds", "When the last poll was taken: the heartbeat", registry=REGISTRY
)
_MINUTES = (1, 3, 10, 30, 60, 120, 300, 600, 1800, 3600)
PHASE_SECONDS = Histogram(
    "opsmend_phase_seconds",
    "How long it took to detect, diagnose, fix and verify",
    ["phase"],
    buckets=_MINUTES,
    registry=REGISTRY,
)
INCIDENT_SECONDS = Histogram(
    "opsmend_incident_seconds",
    "How long incidents lasted, by how they ended",
    ["outcome"],
    buckets=(*_MINUTES, 14_400, 86_400),
    registry=REGISTRY,
)
SOURCE_RECORDS = Counter(
    "opsmend_source_records", "Log lines and events taken in and kept", ["source"], registry=REGISTRY
)
SOURCE_FAILURES = Counter("opsmend_source_failures", "Readings that failed", ["source"], registry=REGISTRY)
KAFKA_LAG = Gauge(
    "opsmend_kafka_lag", "Messages that wait to be read", ["topic", "partition"], registry=REGISTRY
)
EVENTS_PASSED = Counter(
    "opsmend_events_passed",
    "Messages of a stream that are no events, by what they are",
    ["kind"],
    registry=REGISTRY,
)
STAGE_IN = Counter("opsmend_stage_in", "Records handed to a stage", ["stage"], registry=REGISTRY)
STAGE_OUT = Counter("opsmend_stage_out", "Records a stage handed on", ["stage"], registry=REGISTRY)
STAGE_WAITING = Gauge("opsmend_stage_waiting", "Records before a stage", ["stage"], registry=REGISTRY)
STAGE_SECONDS = Counter("opsmend_stage_seconds", "Time spent in a stage", ["stage"], registry=REGISTRY)
STAGE_BLOCKED_SECONDS = Counter(
    "opsmend_stage_blocked_seconds", "Time waited for room before a stage", ["stage"], registry=REGISTRY
)
STAGE_POISON = Counter(
    "opsmend_stage_poison", "Records that a stage could not take", ["stage"], registry=REGISTRY
)
HTTP_REQUESTS = Counter(
    "opsmend_http_requests", "Requests answered", ["method", "route", "status"], registry=REGISTRY
)
HTTP_SECONDS = Histogram(
    "opsmend_http_seconds",
    "How long an answer took",
    ["route"],
    buckets=(0.003, 0.01, 0.03, 0.1, 0.3, 1, 3),
    registry=REGISTRY,
)
HTTP_REFUSED = Counter("opsmend_http_refused", "Requests refused at the gate", ["why"], registry=REGISTRY)
OWN_TROUBLE = Gauge(
    "opsmend_trouble", "What the agent needs and has been without for long (1)", ["what"], registry=REGISTRY
)
RELOADS = Counter("opsmend_reloads", "Reloads of the configuration", ["state"], registry=REGISTRY)


def exposition() -> bytes:
    """Return all metrics in Prometheus' text format."""
    return generate_latest(REGISTRY)
