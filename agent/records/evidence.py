"""What a diagnosis is made from: many series over a stretch of time, call edges, logs, events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.records.metadata import Metadata
    from agent.records.metrics import FloatArray


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a series measures and which direction is bad, in the words of a signal of the rules."""

    role: str  # traffic, errors, latency, saturation, availability
    bad: str  # low, high, both
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeriesTable:
    """Series over a stretch of time: ``values`` is series x time, NaN marks a gap.

    ``times`` are unix seconds, ascending. When the source's times say nothing (all the same),
    ``clocked`` is False and ``times`` only number the rows. ``meanings``, one for each series, are known
    where the series are signals of the rules; elsewhere names have to say it. ``titles`` are what people
    are shown instead of name and entity, where that says more. ``metadata`` is what is known of the metrics.
    """

    times: FloatArray
    names: Sequence[str]  # of the metric, without labels
    entities: Sequence[str]
    labels: Sequence[Mapping[str, str]]
    values: FloatArray
    clocked: bool = True
    meanings: Sequence[Meaning] = ()
    titles: Sequence[str] = ()
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One thing that depends on another: a caller on its callee, a pod on the node it runs on."""

    source: str
    target: str
    kind: str = "call"  # call, placement


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """A log line. ``at`` is unix seconds, NaN when it does not say; ``lines`` is how many like it came."""

    at: float
    entity: str
    level: str
    message: str
    lines: int = 1


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SureFinding:
    """What a rule is sure of: how sure, and what it saw, in its words.

    ``passed_on`` tells that such a fault shows also where something else causes it: whoever suffers.
    """

    sure: float
    saw: str = ""
    passed_on: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observations:
    """All that is known of one incident.

    ``baseline`` is a healthy time where one is known. ``logs_known_from`` is since when logs were read
    without a gap (unix seconds), None where only the lines themselves tell. ``notes`` tell people what was
    wrong with the input and how it was read nevertheless. ``findings`` are what a
    rule is sure of, by entity.
    """

    table: SeriesTable
    baseline: SeriesTable | None = None
    nodes: Sequence[str] = ()
    edges: Sequence[Edge] = ()
    logs: Sequence[LogEntry] = ()
    logs_known_from: float | None = None
    events: Sequence[ChangeEvent] = ()
    detected_at: datetime | None = None
    symptom: SymptomHint | None = None
    notes: Sequence[str] = field(default=())
    findings: Mapping[str, SureFinding] = field(default_factory=dict)
