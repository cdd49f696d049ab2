"""One incident at a time, from its diagnosis to a settled state: decide, run, verify, or call people.

A turn looks at where every active incident stands and moves it on by one step. It may be repeated at
any time: what it does depends on the store alone, so that a restart is an ordinary turn.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta

from agent import metrics
from agent.clock import Clock
from agent.config.policyfile import PolicyFile
from agent.decide import Decider, same_work
from agent.errors import ConflictError, PausedError, RunError
from agent.log import Logger
from agent.reasons import Reason
from agent.records import Action, Decision, Incident, IncidentState, Run, RunState, Verdict
from agent.response.escalation import Escalation
from agent.response.outcomes import Outcomes
from agent.response.previews import Previews
from agent.response.transitions import ACTOR, transition
from agent.response.workers import Workers
from agent.store import Approval, RunRequest, Stores

log = Logger("response")

_UNDECIDED = (IncidentState.OPEN, IncidentState.HELD, IncidentState.AWAITING_APPROVAL)
_NO_ROOM = (Reason.PARALLEL_LIMIT, Reason.HOST_BUSY)
_STORM_SILENCE = timedelta(minutes=30)


class Responder:
    """Moves incidents on. ``turn`` may be called from any thread; one turn is taken at a time."""

    def __init__(
        self,
        *,
        stores: Stores,
        decider: Decider,
        policy: Callable[[], PolicyFile],
        workers: Workers,
        outcomes: Outcomes,
        previews: Previews,
        escalation: Escalation,
        clock: Clock,
    ) -> None:
        self._stores = stores
        self._decider = decider
        self._policy = policy
        self._workers = workers
        self._outcomes = outcomes
        self._previews = previews
        self._escalation = escalation
        self._clock = clock
        self._lock = threading.RLock()
        self._stopping = False
        self._waiting_for: dict[int, frozenset[str]] = {}  # the hosts that an incident's next run needs
        outcomes.connect(self.turn)

    def turn(self, incidents: Iterable[Incident] | None = None) -> None:
        """Move every active incident on by one step.

        Raises StoreUnavailable when nothing can be read or written; nothing is started then.
        """
        with self._lock:
            self._outcomes.take_up()
            for run_id in self._stores.runs.asked_to_cancel():
                self._workers.cancel(run_id)
            now = self._clock.now()
            for incident_id in self._stores.approvals.expire(now):
                self._escalation.answered(incident_id)
            pause = self._stores.pauses.current(now)
            paused = str(pause) if pause else None
            requests = {request.incident_id: request for request in self._stores.run_requests.open()}
            active = self._stores.incidents.active() if incidents is None else incidents
            # those that wait for a run go first: looking at one that is verified takes time
            for incident in sorted(active, key=lambda one: one.state not in _UNDECIDED):
                try:
                    self._attend(incident, paused, requests.pop(incident.id, None))
                except ConflictError as error:
                    log.debug("incident changed meanwhile", incident=incident.id, why=str(error))
            for request in requests.values() if incidents is None else ():
                self._stores.run_requests.answer(request, "the incident is over")

    @property
    def lock(self) -> threading.RLock:
        """Return what keeps a turn from being taken while it is held."""
        return self._lock

    def recover(self) -> None:
        """Take up the runs that a former life of the agent left unfinished."""
        with self._lock:
            for run in self._stores.runs.unfinished():
                self._outcomes.recover(run)

    def stop(self) -> None:
        """Start nothing more; what is at work goes on until the workers are stopped."""
        self._stopping = True
        self._outcomes.stop()

    def _attend(self, incident: Incident, paused: str | None, request: RunRequest | None) -> None:
        match incident.state:
            case IncidentState.REMEDIATING:
                self._outcomes.watch(incident)
            case IncidentState.VERIFYING:
                self._outcomes.verify(incident)
            case IncidentState.ESCALATED if not incident.symptomatic:
                self._clear(incident)
            case IncidentState.CLOSED:
                self._waiting_for.pop(incident.id, None)
            case state if state in _UNDECIDED or (state is IncidentState.ESCALATED and request):
                if not incident.symptomatic:
                    self._clear(incident)
                elif not self._stopping and not self._only_waits_for_room(incident, request):
                    self._decide(incident, paused, request)

    def _only_waits_for_room(self, incident: Incident, request: RunRequest | None) -> bool:
        """Return whether a decision would be the same: in a burst they cost more than the runs leave."""
        waits = incident.state is IncidentState.HELD and incident.reason in _NO_ROOM
        if not waits or request is not None:
            return False
        hosts = self._waiting_for.get(incident.id, frozenset())
        return self._outcomes.full or not hosts.isdisjoint(self._stores.history.busy_hosts())

    def _clear(self, incident: Incident) -> None:
        self._waiting_for.pop(incident.id, None)
        self._stores.approvals.withdraw(incident.id, self._clock.now())
        self._escalation.answered(incident.id)
        self._move_on(incident, IncidentState.CLEARED, Reason.SYMPTOMS_GONE)

    def _decide(self, incident: Incident, paused: str | None, request: RunRequest | None) -> None:
        self._waiting_for.pop(incident.id, None)
        runs = self._stores.runs.of_incident(incident.id)
        approval = self._stores.approvals.newest(incident.id)
        if request is None:
            settled = _given_to_people(runs, approval)
            if settled is not None:
                self._give_up(incident, *settled)
                return
        approved = approval if approval is not None and approval.state == "approved" else None
        decision = self._decider.decide(
            incident,
            self._tried(runs) if request is None else (),
            approved.plan if approved else None,
            paused,
            self._clock.now(),
            wanted=request.remediation if request else _wanted(approved),
        )
        if incident.reason is not decision.reason:
            metrics.DECISIONS.labels(decision.action.value, decision.reason.value).inc()
        incident = self._with_options(incident, decision)
        match decision.action:
            case Action.RUN:
                self._start(incident, decision, _actor(approved, request))
            case Action.ASK:
                self._ask(incident, decision, request.actor if request else ACTOR, approval)
            case Action.HOLD:
                self._hold(incident, decision)
            case Action.ESCALATE:
                self._give_up(incident, decision.reason, decision.detail)
        if request is not None:
            self._stores.run_requests.answer(request, f"{decision.action.value}: {decision.reason.value}")

    def _tried(self, runs: list[Run]) -> set[str]:
        """Return what ran already, leaving out what a crash interrupted and policy lets run once more."""
        tried: set[str] = set()
        for run in runs:
            if run.started_at is None:
                continue
            name = run.plan.remediation
            first = name not in {one.plan.remediation for one in runs if one.id < run.id and one.started_at}
            again = run.reason is Reason.INTERRUPTED and first and self._decider.may_repeat(run.plan)
            if not again:
                tried.add(name)
        return tried

    def _hold(self, incident: Incident, decision: Decision) -> None:
        if decision.reason is Reason.HOST_BUSY and decision.plan is not None:
            self._waiting_for[incident.id] = frozenset(decision.plan.hosts)
        if decision.reason is Reason.STORM and incident.reason is not Reason.STORM:
            self._call_once_per_storm(incident)
        self._move_on(incident, IncidentState.HELD, decision.reason, decision.detail)

    def _call_once_per_storm(self, incident: Incident) -> None:
        now = self._clock.now()
        last = self._stores.notifications.last("storm")
        if last is None or now - last > _STORM_SILENCE:
            self._escalation.storm(incident, now)

    def _give_up(self, incident: Incident, reason: Reason, detail: str) -> None:
        if incident.state is not IncidentState.ESCALATED:
            self._escalation.answered(incident.id)
            self._escalation.escalated(incident, self._clock.now())
        self._move_on(incident, IncidentState.ESCALATED, reason, detail)

    def _start(self, incident: Incident, decision: Decision, actor: str) -> None:
        plan = decision.plan
        assert plan is not None, "decided to run without a plan"
        if self._outcomes.full:
            self._move_on(incident, IncidentState.HELD, Reason.PARALLEL_LIMIT)
            return
        now = self._clock.now()
        try:
            objection = self._decider.changed(plan)
        except RunError as error:
            self._move_on(incident, IncidentState.HELD, Reason.INVENTORY_UNAVAILABLE, str(error))
            return
        if objection is not None:
            self._move_on(incident, IncidentState.HELD, objection.reason, objection.detail)
            return
        run = Run(incident_id=incident.id, plan=plan, created_at=now, actor=actor)
        moving = replace(
            incident,
            state=IncidentState.REMEDIATING,
            reason=decision.reason,
            detail=decision.detail,
            updated_at=now,
        )
        try:
            run, incident = self._stores.runs.begin(run, moving, actor)
        except PausedError as error:
            self._move_on(incident, IncidentState.HELD, Reason.PAUSED, str(error))
            return
        except ConflictError as error:
            self._move_on(incident, IncidentState.HELD, Reason.HOST_BUSY, str(error))
            return
        log.info(
            "remediation chosen",
            incident=incident.id,
            run=run.id,
            fault=plan.fault,
            entity=plan.entity,
            confidence=plan.confidence,
            remediation=plan.remediation,
            reason=decision.reason,
        )
        self._outcomes.start(run)

    def _ask(
        self, incident: Incident, decision: Decision, requested_by: str, newest: Approval | None
    ) -> None:
        plan = decision.plan
        assert plan is not None, "asked for approval without a plan"
        if newest is None or newest.state != "pending" or not same_work(newest.plan, plan):
            now = self._clock.now()
            approval_id = self._stores.approvals.request(
                incident.id,
                plan,
                needed=decision.approvals,
                requested_by=requested_by,
                now=now,
                expires_at=now + self._policy().approval.expires,
                seen=newest,
            )
            self._escalation.asked(incident, now)
            self._previews.begin(approval_id, plan)
        self._move_on(incident, IncidentState.AWAITING_APPROVAL, decision.reason, decision.detail)

    def _with_options(self, incident: Incident, decision: Decision) -> Incident:
        return replace(incident, options=decision.options or incident.options)

    def _move_on(
        self, incident: Incident, state: IncidentState, reason: Reason | None, detail: str = ""
    ) -> None:
        transition(self._stores, self._clock, incident, state, reason, detail)


def _given_to_people(runs: list[Run], approval: Approval | None) -> tuple[Reason, str] | None:
    """Return why an incident is for people whatever the catalog still has, or None."""
    started = [run for run in runs if run.started_at is not None]
    blind = next((run for run in started if run.verdict is Verdict.UNKNOWN), None)
    if blind is not None:
        return Reason.METRICS_MISSING, blind.detail
    if started and started[-1].state is RunState.CANCELED:
        return Reason.CANCELED, started[-1].detail
    if approval is not None and approval.state == "denied":
        return Reason.DENIED, approval.voices
    if approval is not None and approval.state == "expired":
        return Reason.APPROVAL_EXPIRED, f"asked at {approval.requested_at:%H:%M:%S} UTC"
    return None


def _wanted(approved: Approval | None) -> str | None:
    """Return the remediation that a person asked for and others approved."""
    if approved is not None and approved.requested_by != ACTOR:
        return approved.plan.remediation
    return None


def _actor(approved: Approval | None, request: RunRequest | None) -> str:
    if request is not None:
        return request.actor
    if approved is not None:
        return ", ".join(vote.actor for vote in approved.votes if vote.yes)
    return ACTOR
