"""What a source of metrics records under names of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class RecordingRule:
    """What a source records under a name: an expression, evaluated every ``interval``."""

    expression: str
    interval: timedelta
