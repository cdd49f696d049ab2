"""The verifications under way, one per run, each looked at no more often than asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from agent.config.remediationfile import Verify
from agent.records import Incident, Run
from agent.verify import Finding, Verification
from agent.verify.source import MetricSource


class View(Protocol):
    """What the newest frame says about an incident."""

    def symptoms_gone(self, incident: Incident, fresh_after: datetime) -> bool | None:
        """Return whether the symptoms are gone in samples after ``fresh_after``; None: cannot be seen."""


class Verifications:
    """Looks at runs that are being verified."""

    def __init__(self, source: MetricSource, view: View, interval: timedelta, started_at: datetime) -> None:
        self._source = source
        self._view = view
        self._interval = interval
        self._started_at = started_at
        self._under_way: dict[int, Verification] = {}
        self._next_look: dict[int, datetime] = {}  # by incident: it has one run at a time

    def due(self, incident: Incident, now: datetime) -> bool:
        """Return whether it is time to look at an incident's run."""
        next_look = self._next_look.get(incident.id, now)
        return now >= next_look or self._was_set_back(next_look, now)

    def look(self, run: Run, verify: Verify, incident: Incident, now: datetime) -> Finding:
        """Look once at a run."""
        if self._was_set_back(self._next_look.get(incident.id, now), now):
            self._under_way.pop(run.id, None)
        self._next_look[incident.id] = now + self._interval
        verification = self._under_way.get(run.id)
        if verification is None:
            verification = self._under_way[run.id] = self._begin(run, verify, incident, now)
        return verification.look(now)

    def forget(self, run: Run) -> None:
        """Drop a run that is judged."""
        self._under_way.pop(run.id, None)
        self._next_look.pop(run.incident_id, None)

    def _was_set_back(self, next_look: datetime, now: datetime) -> bool:
        return next_look > now + self._interval

    def _begin(self, run: Run, verify: Verify, incident: Incident, now: datetime) -> Verification:
        fresh_after = run.fresh_after or run.ended_at or run.created_at
        # a run that ended in a former life of the agent gets its whole time from now on; and so does one that
        # ended, or an agent that was started, before the clock was set back
        ended_at = min(max(run.ended_at or run.created_at, self._started_at), now)
        return Verification(
            replace(run, ended_at=ended_at, fresh_after=fresh_after),
            verify,
            self._source,
            lambda: self._view.symptoms_gone(incident, fresh_after),
        )
