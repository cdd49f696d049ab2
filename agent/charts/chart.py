"""One chart as data: lines over time, what was expected, and the moments that matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

MarkKind = Literal["found", "started", "ended", "recovered", "over"]


@dataclass(frozen=True, slots=True)
class Line:
    """The course of one series: a value, or None where there is a gap, for each time of the chart."""

    name: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Band:
    """Between what and what it was expected to be; ``text`` says where that comes from."""

    low: float
    high: float
    text: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment that matters."""

    at: datetime
    kind: MarkKind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What is drawn. ``times`` are unix seconds, ascending. ``query`` shows the same in Prometheus.

    ``missing`` says why there is nothing to draw.
    """

    title: str
    unit: str
    query: str
    times: Sequence[float] = ()
    lines: Sequence[Line] = ()
    band: Band | None = None
    marks: Sequence[Mark] = ()
    missing: str = ""
