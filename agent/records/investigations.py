"""What was found out about an incident beyond the rules: where it comes from, and what hosts said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agent.records.probes import ProbeAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class Investigation:
    """One look at one incident, made of everything that was known ``at`` that time.

    ``report`` is what ``opsmend diagnose`` reports of a recorded incident, as plain values; empty when
    nothing could be found out, and ``error`` says why. ``probes`` are what hosts answered.
    """

    incident_id: int
    at: datetime
    report: Mapping[str, Any] = field(default_factory=dict)
    probes: tuple[ProbeAnswer, ...] = ()
    seconds: float = 0.0
    error: str = ""
