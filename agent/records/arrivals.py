"""What logs and event streams bring: lines, what was counted in them, events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from agent.records.alerts import Alert

CountKind = Literal["template", "pattern"]
ArrivalKind = Literal["log", "event", "alert"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of a log. ``id`` is the source's own and the same whenever the line is read again.

    ``labels`` holds what is known of ``service``, ``host`` and ``level``.
    """

    id: str
    at: datetime
    message: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogCount:
    """How many lines of one kind an entity wrote within a span of ten seconds that begins ``at``.

    ``kind`` says what ``key`` is: the number of a template, or the pattern of a rule. ``example`` is one
    of the lines; ``first_seen_at`` is when lines of this template were first seen at all.
    """

    at: datetime
    kind: CountKind
    key: str
    labels: Mapping[str, str]
    lines: int
    example: str = ""
    first_seen_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened, as a stream tells it: a deployment, a failover, a job that failed.

    ``id`` is the same whenever the event is delivered again.
    """

    id: str
    kind: str
    at: datetime
    message: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """What arrived of late beside the metrics, for those who look for symptoms in it.

    ``rare`` are template numbers that wrote next to nothing before. Counts and events are oldest first.
    ``read_until`` says up to when each kind of source was read: of what came later nothing is known, and of a
    kind that is missing nothing at all. ``expired_alerts`` ended of late without being seen to: nobody
    repeated them, or their data ended.
    """

    now: datetime
    counts: Sequence[LogCount] = ()
    events: Sequence[Event] = ()
    rare: frozenset[str] = frozenset()
    read_until: Mapping[ArrivalKind, datetime] = field(default_factory=dict)
    expired_alerts: Sequence[Alert] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSpan:
    """Ten seconds of a log from ``at`` on: what was read of them, so that nothing is counted twice.

    ``told`` is how many lines the source said there are. ``ids`` are eight bytes for each line read.
    """

    at: datetime
    told: int
    ids: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateSeen:
    """A template and how often it was seen so far; ``joined`` are numbers that it has swallowed."""

    number: int
    text: str
    lines: int
    first_seen_at: datetime
    last_seen_at: datetime
    joined: tuple[int, ...] = ()
