"""The incident and its state machine.

::

    open ──────────► remediating ──► verifying ──► recovered
     │  ▲ ▲             ▲              │
     │  │ └── held ─────┤              ├──► open (try the next) ──► escalated
     │  └─ awaiting_approval           │
     └────────► escalated ──► cleared / closed

``held`` and ``awaiting_approval`` are looked at again at every turn. From ``escalated`` on people
have it: the agent starts nothing more for it unless somebody asks it to, keeps its diagnosis current,
tells them of what joins it, and watches whether the symptoms go away. Effects that outlast their cause
become incidents of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from agent.reasons import Reason
from agent.records.decisions import Option
from agent.records.findings import Candidate, Diagnosis


class IncidentState(StrEnum):
    """Where an incident stands."""

    OPEN = "open"
    HELD = "held"
    AWAITING_APPROVAL = "awaiting_approval"
    REMEDIATING = "remediating"
    VERIFYING = "verifying"
    ESCALATED = "escalated"
    RECOVERED = "recovered"
    CLEARED = "cleared"
    CLOSED = "closed"

    @property
    def final(self) -> bool:
        """Return whether the incident is over."""
        return self in FINAL_STATES

    @property
    def settled(self) -> bool:
        """Return whether the agent has nothing more to do by itself."""
        return self.final or self is IncidentState.ESCALATED


FINAL_STATES = frozenset({IncidentState.RECOVERED, IncidentState.CLEARED, IncidentState.CLOSED})
ACTIVE_STATES = frozenset(IncidentState) - FINAL_STATES


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Findings that belong together, what they mean, and where the response stands.

    ``id`` is 0 until the store has given one; ``version`` counts its changes and guards against two
    writers. ``reason`` says why it is in this state. ``symptomatic`` is False once the symptoms are
    gone; an incident that is closed or recovered keeps what it was opened for until then.
    ``waits_until`` is when the reason for which it is held is over, where that is known.
    ``last_seen_at`` is when a symptom was last seen. ``options`` are the remediations that fit.
    ``acknowledged_by`` is the person who has taken it since it was given to people.
    ``parent_id`` is the incident that held its faults before, as effects or until it recovered.
    """

    entity: str
    host: str
    fault: str | None
    title: str
    opened_at: datetime
    updated_at: datetime
    last_seen_at: datetime
    state: IncidentState = IncidentState.OPEN
    reason: Reason | None = None
    detail: str = ""
    diagnosis: Diagnosis = field(default_factory=Diagnosis)
    options: tuple[Option, ...] = ()
    symptomatic: bool = True
    closed_at: datetime | None = None
    parent_id: int | None = None
    waits_until: datetime | None = None
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    id: int = 0
    version: int = 0

    @property
    def best(self) -> Candidate | None:
        """Return the likeliest fault, or None when the diagnosis is unknown."""
        return self.diagnosis.best

    @property
    def forecast(self) -> bool:
        """Return whether the fault is foreseen only, and not there yet."""
        return self.best is not None and self.best.foreseen is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One step of an incident's life, as it is kept and shown."""

    at: datetime
    state: IncidentState
    reason: Reason | None
    detail: str
    actor: str
