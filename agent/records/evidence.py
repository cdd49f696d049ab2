"""What a diagnosis is made from: many series over a stretch of time, call edges, logs, events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from agent.records.metrics import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeriesTable:
    """Series over a stretch of time: ``values`` is series x time, NaN marks a gap.

    ``times`` are unix seconds, ascending. When the source's times say nothing (all the same),
    ``clocked`` is False and ``times`` only number the rows.
    """

    times: FloatArray
    names: Sequence[str]  # of the metric, without labels
    entities: Sequence[str]
    labels: Sequence[Mapping[str, str]]
    values: FloatArray
    clocked: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One thing that depends on another: a caller on its callee, a pod on the node it runs on."""

    source: str
    target: str
    kind: str = "call"  # call, placement


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One log line of a recorded incident. ``at`` is unix seconds, NaN when the line does not say."""

    at: float
    entity: str
    level: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeEvent:
    """Something somebody changed: a deploy, a flag, a configuration, a unit's state."""

    at: float
    kind: str
    entity: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SymptomHint:
    """What the alert was about, where it is known. An empty ``metric`` means any."""

    entity: str
    metric: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observations:
    """All that is known of one incident.

    ``baseline`` is a healthy time where one is known. ``notes`` tell people what was wrong with the
    input and how it was read nevertheless.
    """

    table: SeriesTable
    baseline: SeriesTable | None = None
    nodes: Sequence[str] = ()
    edges: Sequence[Edge] = ()
    logs: Sequence[LogEntry] = ()
    events: Sequence[ChangeEvent] = ()
    detected_at: datetime | None = None
    symptom: SymptomHint | None = None
    notes: Sequence[str] = field(default=())
