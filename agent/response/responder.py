"""One incident at a time, from its diagnosis to a settled state: decide, run, verify, or call people.

A turn looks at where every active incident stands and moves it on by one step. It may be repeated at
any time: what it does depends on the store alone, so that a restart is an ordinary turn.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from agent.clock import Clock
from agent.decide import Decider, Remediation, same_work
from agent.errors import ConflictError, StoreError
from agent.log import Logger
from agent.reasons import Reason
from agent.records import Action, Decision, Incident, IncidentState, Plan, Run, RunState, Verdict
from agent.response.verifications import Verifications
from agent.response.workers import Workers
from agent.store import ApprovalStore, IncidentStore, PauseStore, RunStore
from agent.verify import Finding

log = Logger("response")

ACTOR = "opsmend"
_UNDECIDED = (IncidentState.OPEN, IncidentState.HELD, IncidentState.AWAITING_APPROVAL)


class Responder:
    """Moves incidents on. ``turn`` may be called from any thread; one turn is taken at a time."""

    def __init__(
        self,
        *,
        incidents: IncidentStore,
        runs: RunStore,
        approvals: ApprovalStore,
        pauses: PauseStore,
        decider: Decider,
        catalog: Mapping[str, Remediation],
        workers: Workers,
        verifications: Verifications,
        clock: Clock,
    ) -> None:
        self._incidents = incidents
        self._runs = runs
        self._approvals = approvals
        self._pauses = pauses
        self._decider = decider
        self._catalog = catalog
        self._workers = workers
        self._verifications = verifications
        self._clock = clock
        self._lock = threading.RLock()
        self._ended: deque[Callable[[], None]] = deque()
        self._stopping = False

    def turn(self, incidents: Iterable[Incident] | None = None) -> None:
        """Move every active incident on by one step.

        Raises StoreUnavailable when nothing can be read or written; nothing is started then.
        """
        with self._lock:
            self._take_up_ended()
            for run_id in self._runs.asked_to_cancel():
                self._workers.cancel(run_id)
            paused = self._pauses.current(self._clock.now())
            for incident in self._incidents.active() if incidents is None else incidents:
                try:
                    self._attend(incident, str(paused) if paused else None)
                except ConflictError as error:
                    log.debug("incident changed meanwhile", incident=incident.id, why=str(error))

    def recover(self) -> None:
        """Take up the runs that a former life of the agent left unfinished."""
        with self._lock:
            for run in self._runs.unfinished():
                incident = self._incidents.get(run.incident_id)
                if run.state is RunState.INTENDED:
                    log.warning("run was never started", run=run.id, incident=incident.id)
                    self._never_started(run, incident)
                elif run.state is RunState.RUNNING:
                    log.warning("run was interrupted", run=run.id, incident=incident.id)
                    self._workers.clean_up(run, self._report)
                else:
                    log.info("verification goes on", run=run.id, incident=incident.id)

    def stop(self) -> None:
        """Start nothing more; what is at work goes on until the workers are stopped."""
        self._stopping = True

    def _attend(self, incident: Incident, paused: str | None) -> None:
        match incident.state:
            case IncidentState.REMEDIATING:
                self._watch_run(incident)
            case IncidentState.VERIFYING:
                self._verify(incident)
            case IncidentState.ESCALATED if not incident.symptomatic:
                self._move(incident, IncidentState.CLEARED, Reason.SYMPTOMS_GONE)
            case state if state in _UNDECIDED:
                if not incident.symptomatic:
                    self._move(incident, IncidentState.CLEARED, Reason.SYMPTOMS_GONE)
                elif not self._stopping:
                    self._decide(incident, paused)

    def _decide(self, incident: Incident, paused: str | None) -> None:
        runs = self._runs.of_incident(incident.id)
        tried = {run.plan.remediation for run in runs if run.started_at is not None}
        blind = next((run for run in runs if run.verdict is Verdict.UNKNOWN and run.started_at), None)
        if blind is not None:
            self._move(incident, IncidentState.ESCALATED, Reason.METRICS_MISSING, blind.detail)
            return
        if runs and runs[-1].state is RunState.CANCELED and runs[-1].started_at is not None:
            self._move(incident, IncidentState.ESCALATED, Reason.CANCELED, runs[-1].detail)
            return
        approval = self._approvals.newest(incident.id)
        if approval is not None and approval.state == "denied":
            detail = f"{approval.decided_by}: {approval.comment}".rstrip(": ")
            self._move(incident, IncidentState.ESCALATED, Reason.DENIED, detail)
            return
        approved = approval.plan if approval is not None and approval.state == "approved" else None
        now = self._clock.now()
        decision = self._decider.decide(incident, tried, approved, paused, now)
        match decision.action:
            case Action.RUN:
                actor = (approval.decided_by if approved and approval else None) or ACTOR
                self._start(incident, decision, actor)
            case Action.ASK:
                self._ask(incident, decision)
            case Action.HOLD:
                self._move(incident, IncidentState.HELD, decision.reason, decision.detail)
            case Action.ESCALATE:
                self._move(incident, IncidentState.ESCALATED, decision.reason, decision.detail)

    def _start(self, incident: Incident, decision: Decision, actor: str) -> None:
        plan = decision.plan
        assert plan is not None, "decided to run without a plan"
        if self._workers.full:
            self._move(incident, IncidentState.HELD, Reason.PARALLEL_LIMIT)
            return
        now = self._clock.now()
        run = Run(incident_id=incident.id, plan=plan, created_at=now, actor=actor)
        moving = replace(
            incident,
            state=IncidentState.REMEDIATING,
            reason=decision.reason,
            detail=decision.detail,
            updated_at=now,
        )
        try:
            run, incident = self._runs.begin(run, moving, ACTOR)
        except ConflictError as error:
            self._move(incident, IncidentState.HELD, Reason.HOST_BUSY, str(error))
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
        self._workers.start(run, self._catalog[plan.remediation], self._report)

    def _ask(self, incident: Incident, decision: Decision) -> None:
        plan = decision.plan
        assert plan is not None, "asked for approval without a plan"
        if not self._is_asked(incident, plan):
            self._approvals.request(incident.id, plan, self._clock.now())
        self._move(incident, IncidentState.AWAITING_APPROVAL, decision.reason, decision.detail)

    def _is_asked(self, incident: Incident, plan: Plan) -> bool:
        newest = self._approvals.newest(incident.id)
        return newest is not None and newest.state == "pending" and same_work(newest.plan, plan)

    def _report(self, run: Run) -> None:
        """Take a worker's word that a run is over; kept until the store can be written."""
        self._ended.append(lambda: self._run_ended(run))
        try:
            self.turn()
        except StoreError as error:
            log.warning("outcome of a run has to wait", run=run.id, why=str(error))

    def _take_up_ended(self) -> None:
        while self._ended:
            self._ended[0]()
            self._ended.popleft()

    def _run_ended(self, run: Run) -> None:
        incident = self._incidents.get(run.incident_id)
        log.info("run ended", run=run.id, state=run.state, reason=run.reason, detail=run.detail)
        if run.state in (RunState.SUCCEEDED, RunState.INTERRUPTED):
            self._runs.save(run)
            self._move(incident, IncidentState.VERIFYING, run.reason, run.detail)
        elif run.state is RunState.CANCELED and self._stopping:
            self._runs.save(run)  # no verdict: the next start verifies first
            self._move(incident, IncidentState.VERIFYING, Reason.STOPPING, run.detail)
        else:
            failed = replace(
                run,
                verdict=Verdict.NOT_RECOVERED,
                verdict_reason=run.reason,
                verified_at=self._clock.now(),
            )
            self._next(failed, incident)

    def _never_started(self, run: Run, incident: Incident) -> None:
        dropped = replace(
            run,
            state=RunState.CANCELED,
            reason=Reason.NEVER_STARTED,
            verdict=Verdict.UNKNOWN,
            verdict_reason=Reason.NEVER_STARTED,
            verified_at=self._clock.now(),
        )
        self._next(dropped, incident)

    def _watch_run(self, incident: Incident) -> None:
        """Notice a run whose worker is gone without a word; should not happen, but must not hang."""
        for run in self._runs.of_incident(incident.id):
            if not run.state.ended and not self._workers.is_at_work(run.id) and not self._ended:
                self._workers.clean_up(run, self._report)

    def _verify(self, incident: Incident) -> None:
        run = self._runs.of_incident(incident.id)[-1]
        if self._workers.is_at_work(run.id) or self._stopping:
            return  # a rollback is under way
        remediation = self._catalog.get(run.plan.remediation)
        if remediation is None:
            self._conclude(run, incident, Verdict.UNKNOWN, Reason.METRICS_MISSING, "its files are gone")
            return
        finding = self._verifications.look(run, remediation.file.verify, incident, self._clock.now())
        if finding is None or finding.verdict is Verdict.PENDING:
            return
        reason = finding.reason or Reason.CHECKS_FAILED
        verified = replace(run, checks=finding.checks)
        if finding.verdict is not Verdict.RECOVERED and remediation.file.rollback.wanted_for(reason):
            self._roll_back(verified, incident, remediation, finding, reason)
        else:
            self._conclude(verified, incident, finding.verdict, reason, finding.detail)

    def _roll_back(
        self, run: Run, incident: Incident, remediation: Remediation, finding: Finding, reason: Reason
    ) -> None:
        log.warning("rolling back", run=run.id, verdict=finding.verdict, reason=reason)

        def rolled_back(done: Run) -> None:
            def conclude() -> None:
                current = self._incidents.get(incident.id)
                self._conclude(done, current, finding.verdict, reason, finding.detail)

            self._ended.append(conclude)
            self.turn()

        self._workers.roll_back(run, remediation, rolled_back)

    def _conclude(self, run: Run, incident: Incident, verdict: Verdict, reason: Reason, detail: str) -> None:
        self._verifications.forget(run.id)
        now = self._clock.now()
        judged = replace(run, verdict=verdict, verdict_reason=reason, verified_at=now)
        if detail and not judged.detail:
            judged = replace(judged, detail=detail)
        log.info("run verified", run=run.id, verdict=verdict, reason=reason, detail=detail)
        if verdict is Verdict.RECOVERED:
            healed = replace(
                incident,
                state=IncidentState.RECOVERED,
                reason=reason,
                detail=detail,
                symptomatic=False,
                updated_at=now,
                closed_at=now,
            )
            self._runs.finish(judged, healed, ACTOR)
        else:
            self._next(judged, incident, detail)

    def _next(self, run: Run, incident: Incident, detail: str = "") -> None:
        """Put an incident whose run did not help up for another decision."""
        again = replace(
            incident,
            state=IncidentState.OPEN,
            reason=run.verdict_reason,
            detail=detail or run.detail,
            updated_at=self._clock.now(),
        )
        self._runs.finish(run, again, ACTOR)

    def _move(
        self, incident: Incident, state: IncidentState, reason: Reason | None, detail: str = ""
    ) -> None:
        if (incident.state, incident.reason, incident.detail) == (state, reason, detail):
            return
        now = self._clock.now()
        told = (incident.state, incident.reason) != (state, reason)
        moved = replace(
            incident,
            state=state,
            reason=reason,
            detail=detail,
            updated_at=now,
            closed_at=now if state.final else None,
        )
        self._incidents.save(moved, ACTOR)
        if told:
            log.info(
                f"incident {state.value.replace('_', ' ')}",
                incident=incident.id,
                title=incident.title,
                reason=reason,
                detail=detail,
            )
