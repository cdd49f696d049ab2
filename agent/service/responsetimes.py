"""What happened since the last look in, how long it took out: to detect, to diagnose, to fix, to verify."""

from __future__ import annotations

from datetime import datetime, timedelta

from agent import metrics
from agent.records import Run, Verdict
from agent.store import Stores
from agent.store.feed import Happening, Position

_FROM_RUN = "run judged"
_DONE = ("incident recovered", "incident cleared")


class ResponseTimes:
    """Observes how long incidents take, from what is written of them.

    What happened before the agent started was observed by its former life, or is not.
    """

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._position: Position | None = None

    def observe(self) -> None:
        """Take in what happened since the last time. Raises StoreError."""
        if self._position is None:
            self._position = self._stores.feed.end()
            return
        happened, self._position = self._stores.feed.since(self._position)
        for one in happened:
            if one.kind == "audit":
                self._take(one)

    def _take(self, one: Happening) -> None:
        action, subject = str(one.data["action"]), str(one.data["subject"])
        number = int(subject.rpartition(" ")[2]) if subject.rpartition(" ")[2].isdigit() else None
        if number is None:
            return
        if action == _FROM_RUN:
            self._time_run(self._stores.runs.get(number))
        elif action in _DONE or action == "incident open":
            self._time_incident(number, action, one.at)

    def _time_run(self, run: Run) -> None:
        if run.started_at is None or run.ended_at is None:
            return
        metrics.PHASE_SECONDS.labels("fix").observe(_positive(run.ended_at - run.started_at))
        if run.verified_at is not None and run.verdict is not Verdict.PENDING:
            metrics.PHASE_SECONDS.labels("verify").observe(_positive(run.verified_at - run.ended_at))

    def _time_incident(self, number: int, action: str, at: datetime) -> None:
        incident = self._stores.incidents.get(number)
        if action == "incident open":
            begun = [symptom.since for symptom in incident.best.symptoms] if incident.best else []
            if begun and at == incident.opened_at:  # later it is opened again, to try the next remediation
                metrics.PHASE_SECONDS.labels("detect").observe(_positive(incident.opened_at - min(begun)))
            return
        investigation = self._stores.investigations.of_incident(number)
        if investigation:
            first = min(one.at + timedelta(seconds=one.seconds) for one in investigation)
            metrics.PHASE_SECONDS.labels("diagnose").observe(_positive(first - incident.opened_at))
        if incident.closed_at is not None:
            outcome = action.removeprefix("incident ")
            lasted = incident.closed_at - incident.opened_at
            metrics.INCIDENT_SECONDS.labels(outcome).observe(_positive(lasted))


def _positive(span: timedelta) -> float:
    return max(0.0, span.total_seconds())
