"""One incident at a time, from its diagnosis to a settled state: decide, run, verify, or call people.

A turn looks at every run that is not over and at every incident that waits for a decision, and moves each
on by one step. It may be repeated at any time: what it does depends on the store, so that a restart is an
ordinary turn. The trouble of one is not that of the others.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial

from agent.clock import Clock
from agent.errors import ConflictError, StoreUnavailable
from agent.log import Logger
from agent.reasons import Reason
from agent.records import Approval, Incident, IncidentState, RunRequest
from agent.response.deciding import Deciding
from agent.response.escalation import APPROVAL
from agent.response.outcomes import Outcomes
from agent.response.recoveries import RelapseWatch
from agent.response.throttle import MOST_TRIES, Throttle
from agent.response.transitions import ACTOR, log_transition, transition
from agent.response.workers import Workers
from agent.store import Stores, answer_request, drop_messages, end_approval

log = Logger("response")

# what was given to people for a reason that passes by itself is looked at again
_PASSING = (
    Reason.COOLDOWN,
    Reason.STORM,
    Reason.CIRCUIT_OPEN,
    Reason.DAILY_LIMIT,
    Reason.MAINTENANCE_WINDOW,
    Reason.BLAST_RADIUS,
    Reason.HEALTHY_SHARE,
)
_LONGEST_REQUEST = timedelta(hours=24)
"""After so long nobody expects any more that a run they asked for still begins."""


class Responder:
    """Moves incidents on. ``turn`` may be called from any thread; one turn is taken at a time."""

    def __init__(
        self,
        *,
        stores: Stores,
        workers: Workers,
        outcomes: Outcomes,
        deciding: Deciding,
        relapses: RelapseWatch,
        clock: Clock,
    ) -> None:
        self._stores = stores
        self._workers = workers
        self._outcomes = outcomes
        self._deciding = deciding
        self._relapses = relapses
        self._clock = clock
        self._throttle = Throttle(clock)
        self._said: dict[str, str] = {}
        self._lock = threading.RLock()
        self._stopping = False
        outcomes.connect(self.turn)

    def turn(self, incidents: Iterable[Incident] | None = None) -> None:
        """Move every run and every active incident on by one step.

        Raises StoreUnavailable when nothing can be read or written; nothing is started then.
        """
        with self._lock:
            self._outcomes.take_up()
            self.heed_cancels()
            self._expire()
            at_work = self._attend_runs()
            requests = {request.incident_id: request for request in self._stores.run_requests.open()}
            active = list(self._stores.incidents.active() if incidents is None else incidents)
            for incident in active:
                if incident.id not in at_work:
                    self._guarded_attend(incident, requests.get(incident.id))
            if incidents is None:
                self._forget({incident.id for incident in active})

    def heed_cancels(self) -> None:
        """Cancel the runs that people asked to cancel. Waits for no turn, and for no source."""
        for run_id in self._stores.runs.asked_to_cancel():
            self._workers.cancel(run_id)

    @property
    def lock(self) -> threading.RLock:
        """Return what keeps a turn from being taken while it is held."""
        return self._lock

    def stop(self) -> None:
        """Start nothing more; what is at work goes on until the workers are stopped."""
        self._stopping = True
        self._outcomes.stop()

    def _attend_runs(self) -> set[int]:
        """Move runs on; return the incidents that have one under way."""
        at_work = set()
        for run_id, incident_id in self._stores.runs.unfinished().items():
            at_work.add(incident_id)
            self._guarded(f"run {run_id}", partial(self._attend_run, run_id))
        return at_work

    def _attend_run(self, run_id: int) -> None:
        key = f"run {run_id}"
        if self._throttle.failing(key) > MOST_TRIES:  # it could not even be given up
            self._stores.runs.abandon(run_id, self._said.get(key, ""), self._clock.now(), ACTOR)
        elif self._throttle.failing(key) == MOST_TRIES:
            self._outcomes.give_up(self._stores.runs.get(run_id), self._said.get(key, ""))
        else:
            self._outcomes.attend(self._stores.runs.get(run_id))

    def _guarded_attend(self, incident: Incident, request: RunRequest | None) -> None:
        key = f"incident {incident.id}"
        if self._throttle.failing(key) >= MOST_TRIES and not incident.state.settled:
            why = self._said.get(key, "")
            self._guarded(key, lambda: self._deciding.escalate(incident, Reason.INTERNAL_ERROR, why))
        else:
            self._guarded(key, lambda: self._attend(incident, request))

    def _attend(self, incident: Incident, request: RunRequest | None) -> None:
        if incident.state.final:
            return
        if not incident.symptomatic:
            self._clear(incident)
            return
        self._relapses.notice(incident)
        given_to_people = incident.state is IncidentState.ESCALATED and incident.reason not in _PASSING
        if (request is not None or not given_to_people) and not self._stopping:
            self._deciding.decide(incident, request)

    def _clear(self, incident: Incident) -> None:
        with self._stores.transaction() as connection:
            moved = transition(
                connection,
                incident,
                IncidentState.CLEARED,
                Reason.SYMPTOMS_GONE,
                "",
                self._clock.now(),
                seen=True,
            )
        log_transition(incident, moved)

    def _expire(self) -> None:
        """End what nobody answered or used in time."""
        now = self._clock.now()
        requests = {request.id: request for request in self._stores.run_requests.open()}
        for approval in self._stores.approvals.overdue(now):
            self._expire_approval(approval, requests.get(approval.request_id or 0))
        for request in requests.values():
            if now - request.at >= _LONGEST_REQUEST:
                with self._stores.transaction() as connection:
                    answer_request(connection, request, "expired", "it could not begin for a day", now)

    def _expire_approval(self, approval: Approval, request: RunRequest | None) -> None:
        now = self._clock.now()
        lapsed = approval.state == "approved"
        with self._stores.transaction() as connection:
            if not end_approval(connection, approval, "lapsed" if lapsed else "expired", now, ACTOR):
                return
            drop_messages(connection, approval.incident_id, APPROVAL)
            if request is not None and not lapsed:
                answer_request(connection, request, "refused", Reason.APPROVAL_EXPIRED.text, now)

    def _forget(self, active: set[int]) -> None:
        self._relapses.forget_others(active)
        self._deciding.forget_others(active)

    def _guarded(self, key: str, work: Callable[[], None]) -> None:
        """Do work on one incident or run; what goes wrong with it delays it alone, longer every time.

        Raises StoreUnavailable: then nothing can be done for any.
        """
        if not self._throttle.is_due(key):
            return
        try:
            work()
        except StoreUnavailable:
            raise
        except ConflictError as error:
            log.debug("changed meanwhile", about=key, why=str(error))
        except Exception as error:
            count = self._throttle.failed(key)
            said = f"{type(error).__name__}: {error}"
            if self._said.get(key) != said:
                log.error("could not be moved on", error, about=key, tries=count)
            self._said[key] = said
        else:
            self._throttle.succeeded(key)
            self._said.pop(key, None)
