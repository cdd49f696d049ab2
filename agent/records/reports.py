"""What somebody else has seen and reports, to hear what it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedSymptom:
    """One thing that was seen: a signal's value or anomaly, an alert, lines of a log, or an event.

    ``name`` is the signal, the alert, the text of the lines, or the kind of the event. It has been so since
    ``since``. ``value`` is that of a signal; ``lines`` is how many of a log.
    """

    kind: Literal["signal", "anomaly", "alert", "log", "event"]
    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    since: datetime
    value: float | None = None
    anomaly: str = ""
    lines: int = 1
