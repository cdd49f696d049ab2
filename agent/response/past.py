"""What came of an incident so far in, what that means for its next decision out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta

from agent.clock import Clock
from agent.decide import Decider
from agent.reasons import Reason
from agent.records import Approval, Forbidden, Incident, Moment, NotNow, Run, RunPhase
from agent.response.throttle import MOST_TRIES, Throttle
from agent.response.verifications import View

_MOST_UNREACHABLE = 3
_NO_FRAME_AFTER = timedelta(minutes=10)
# ends of a run after which people have the incident, whatever the catalog still has
_FOR_PEOPLE = (
    Reason.METRICS_MISSING,
    Reason.CANCELED,
    Reason.LEFTOVERS_UNKNOWN,
    Reason.ROLLBACK_FAILED,
    Reason.INTERNAL_ERROR,
)
# ends of a run that did nothing, after which the same is tried again later
_NOT_BEGUN = (Reason.NOT_BEGUN, Reason.INVENTORY_UNAVAILABLE)
_AGAIN = (*_NOT_BEGUN, Reason.HOST_UNREACHABLE)


class Past:
    """Reads the runs and approvals of an incident as its next decision needs them."""

    def __init__(self, decider: Decider, view: View, clock: Clock) -> None:
        self._decider = decider
        self._view = view
        self._clock = clock
        self._throttle = Throttle(clock)
        self._noted: set[int] = set()  # runs that could not begin, or reached nobody
        self._blind_since_s: dict[int, float] = {}

    def for_people(self, runs: Sequence[Run], approval: Approval | None) -> tuple[Reason, str] | None:
        """Return why an incident is for people whatever the catalog still has, or None."""
        for run in runs:
            if run.verdict_reason in _FOR_PEOPLE and run.started_at is not None:
                return run.verdict_reason, run.detail
        last = runs[-1] if runs else None
        if last is not None and len(_trailing(runs, (Reason.HOST_UNREACHABLE,))) >= _MOST_UNREACHABLE:
            return Reason.HOST_UNREACHABLE, last.detail
        if last is not None and len(_trailing(runs, _NOT_BEGUN)) >= MOST_TRIES:
            return last.verdict_reason or Reason.NOT_BEGUN, last.detail
        if approval is not None and approval.request_id is None:
            if approval.state == "denied":
                return Reason.DENIED, approval.said
            if approval.state == "expired":
                return Reason.APPROVAL_EXPIRED, f"asked at {approval.requested_at:%H:%M:%S} UTC"
        return None

    def waits(self, incident: Incident, runs: Sequence[Run]) -> NotNow | Forbidden | None:
        """Return why the next decision has to wait for what the last run did, or None.

        When nothing can be seen for long of what it did, people have to look.
        """
        last = next((run for run in reversed(runs) if run.phase is RunPhase.OVER), None)
        if last is None:
            return None
        if last.verdict_reason in _AGAIN:
            if last.id not in self._noted:
                self._noted.add(last.id)
                self._throttle.failed(incident.id)
            if not self._throttle.is_due(incident.id):
                return NotNow(reason=last.verdict_reason, detail=last.detail, plan=last.plan)
        if last.started_at is None:
            return None
        if self._view.seen_since(incident, Moment(last.evidence_at, last.verified_at or last.created_at)):
            self._blind_since_s.pop(incident.id, None)
            return None
        since_s = self._blind_since_s.setdefault(incident.id, self._clock.monotonic())
        if self._clock.monotonic() - since_s >= _NO_FRAME_AFTER.total_seconds():
            return Forbidden(reason=Reason.METRICS_MISSING, detail="nothing was seen since the last run")
        return NotNow(reason=Reason.AWAITING_FRAME, plan=last.plan)

    def tried(self, runs: Sequence[Run]) -> set[str]:
        """Return what ran already, leaving out what may run once more after a crash, or reached nobody."""
        again = self.repeats(runs)
        return {
            run.plan.remediation
            for run in runs
            if run.started_at is not None and run.id not in again and run.verdict_reason not in _AGAIN
        }

    def repeats(self, runs: Sequence[Run]) -> frozenset[int]:
        """Return the runs that a crash interrupted and that policy lets run once more."""
        first: dict[str, Run] = {}
        for run in runs:
            if run.started_at is not None:
                first.setdefault(run.plan.remediation, run)
        return frozenset(
            run.id
            for run in first.values()
            if run.reason is Reason.INTERRUPTED and self._decider.may_repeat(run.plan)
        )

    def forget_others(self, active: set[int]) -> None:
        """Drop what is remembered of incidents that are over."""
        self._blind_since_s = {id_: at for id_, at in self._blind_since_s.items() if id_ in active}


def _trailing(runs: Sequence[Run], reasons: Collection[Reason]) -> list[Run]:
    """Return the newest runs that all ended for one of the reasons."""
    trailing: list[Run] = []
    for run in reversed(runs):
        if run.verdict_reason not in reasons:
            break
        trailing.append(run)
    return trailing
