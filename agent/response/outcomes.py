"""From the start of a run to its verdict: what workers report, what verification finds, what a crash left."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from agent import metrics
from agent.clock import Clock
from agent.decide import Remediation
from agent.errors import ConflictError, NotFoundError, StoreError
from agent.log import Logger
from agent.reasons import Reason
from agent.records import Attribution, Incident, IncidentState, Run, RunState, Verdict
from agent.response.escalation import Escalation
from agent.response.transitions import ACTOR
from agent.response.verifications import Verifications
from agent.response.workers import Workers
from agent.store import Stores
from agent.verify import Circumstances, Finding, attribute_recovery

log = Logger("response")

_TRIES = 5  # to write a report; the next turn tries again


class Outcomes:
    """Follows runs. Its methods are called under the responder's lock; workers report from threads."""

    def __init__(
        self,
        *,
        stores: Stores,
        catalog: Callable[[], Mapping[str, Remediation]],
        workers: Workers,
        verifications: Verifications,
        escalation: Escalation,
        clock: Clock,
    ) -> None:
        self._stores = stores
        self._catalog = catalog
        self._workers = workers
        self._verifications = verifications
        self._escalation = escalation
        self._clock = clock
        self._reports: deque[tuple[int, Callable[[], None]]] = deque()  # of which run, and what it says
        self._wake: Callable[[], None] = lambda: None
        self._stopping = False
        workers.connect(self._try_to_wake)

    def connect(self, wake: Callable[[], None]) -> None:
        """Take what takes a turn when there is news."""
        self._wake = wake

    def stop(self) -> None:
        """Begin no verification or rollback any more."""
        self._stopping = True

    def start(self, run: Run) -> None:
        """Have a run carried out whose intent is written."""
        self._workers.start(run, self._catalog()[run.plan.remediation], self._report)

    @property
    def full(self) -> bool:
        """Return whether as many runs as may be are at work, or over and not yet written as such."""
        return self._workers.full({run_id for run_id, _ in list(self._reports)})

    def take_up(self) -> None:
        """Write what workers reported. Raises StoreError; the report is kept then, and tried next turn."""
        while self._reports:
            run_id, write = self._reports[0]
            try:
                _insist(write)
            except ConflictError as error:
                log.warning("report of a run has to wait", run=run_id, why=str(error))
                return
            except NotFoundError as error:
                log.warning("report of a run does not fit any more", run=run_id, why=str(error))
            self._reports.popleft()

    def recover(self, run: Run) -> None:
        """Take up a run that a former life of the agent left without a verdict."""
        if run.state is RunState.INTENDED:
            log.warning("run was never started", run=run.id, incident=run.incident_id)
            self._never_started(run)
        elif run.state is RunState.RUNNING:
            log.warning("run was interrupted", run=run.id, incident=run.incident_id)
            self._workers.clean_up(run, self._report)
        else:
            log.info("verification goes on", run=run.id, incident=run.incident_id)

    def watch(self, incident: Incident) -> None:
        """Notice a run whose worker is gone without a word; it should not happen, but must not hang."""
        if self._workers.is_at_work_for(incident.id) or self._reports:
            return
        for run in self._stores.runs.of_incident(incident.id):
            if not run.state.ended:
                self._workers.clean_up(run, self._report)

    def verify(self, incident: Incident) -> None:
        """Look once at the run of an incident that is being verified, if it is time to."""
        now = self._clock.now()
        if not self._verifications.due(incident, now):
            return
        run = self._stores.runs.of_incident(incident.id)[-1]
        if self._workers.is_at_work(run.id) or self._stopping:
            return  # a rollback is under way
        remediation = self._catalog().get(run.plan.remediation)
        if remediation is None:
            self._conclude(run, incident, Verdict.UNKNOWN, Reason.METRICS_MISSING, "its files are gone")
            return
        finding = self._verifications.look(run, remediation.file.verify, incident, now)
        if finding.verdict is Verdict.PENDING:
            return
        reason = finding.reason or Reason.CHECKS_FAILED
        verified = replace(run, checks=finding.checks)
        if finding.verdict is Verdict.RECOVERED:
            verified = replace(verified, attribution=self._attribution(run, incident, finding))
        if finding.verdict is not Verdict.RECOVERED and remediation.file.rollback.wanted_for(reason):
            self._roll_back(verified, incident, remediation, finding, reason)
        else:
            self._conclude(verified, incident, finding.verdict, reason, finding.detail)

    def _attribution(self, run: Run, incident: Incident, finding: Finding) -> Attribution:
        began = run.started_at or run.created_at
        since = min((one.since for one in incident.best.symptoms), default=began) if incident.best else began
        gone = finding.holding_since or self._clock.now()
        peers, peers_recovered = self._stores.history.untreated(run.plan.fault, incident.id, began)
        alone, earlier = self._stores.history.spontaneous(run.plan.fault)
        return attribute_recovery(
            Circumstances(
                lasted=max(began - since, timedelta(0)),
                took=max(gone - began, timedelta(0)),
                peers=peers,
                peers_recovered=peers_recovered,
                earlier=earlier,
                earlier_alone=alone,
            )
        )

    def _report(self, run: Run) -> None:
        """Take a worker's word that a run is over; kept until the store can be written."""
        self._reports.append((run.id, lambda: self._run_ended(run)))

    def _try_to_wake(self) -> None:
        try:
            self._wake()
        except StoreError as error:
            log.warning("outcome of a run has to wait", why=str(error))

    def _run_ended(self, run: Run) -> None:
        incident = self._stores.incidents.get(run.incident_id)
        metrics.RUNS.labels(run.plan.remediation, run.state.value, str(run.reason)).inc()
        log.info("run ended", run=run.id, state=run.state, reason=run.reason, detail=run.detail)
        if run.state in (RunState.SUCCEEDED, RunState.INTERRUPTED):
            self._end(run, incident, run.reason, run.detail)
        elif run.state is RunState.CANCELED and self._stopping:
            self._end(run, incident, Reason.STOPPING, run.detail)  # the next start verifies first
        else:
            now = self._clock.now()
            failed = replace(run, verdict=Verdict.NOT_RECOVERED, verdict_reason=run.reason, verified_at=now)
            self._next(failed, incident, run.detail)

    def _end(self, run: Run, incident: Incident, reason: Reason | None, detail: str) -> None:
        verifying = replace(
            incident,
            state=IncidentState.VERIFYING,
            reason=reason,
            detail=detail,
            updated_at=self._clock.now(),
        )
        self._stores.runs.end(run, verifying, ACTOR)

    def _never_started(self, run: Run) -> None:
        incident = self._stores.incidents.get(run.incident_id)
        dropped = replace(
            run,
            state=RunState.CANCELED,
            reason=Reason.NEVER_STARTED,
            verdict=Verdict.UNKNOWN,
            verdict_reason=Reason.NEVER_STARTED,
            verified_at=self._clock.now(),
        )
        self._next(dropped, incident, "")

    def _roll_back(
        self, run: Run, incident: Incident, remediation: Remediation, finding: Finding, reason: Reason
    ) -> None:
        try:
            self._stores.runs.lock(run)
        except ConflictError:
            return  # another run is at work on the host; the next turn tries again
        log.warning("rolling back", run=run.id, verdict=finding.verdict, reason=reason)

        def rolled_back(done: Run) -> None:
            def conclude() -> None:
                current = self._stores.incidents.get(incident.id)
                self._conclude(done, current, finding.verdict, reason, finding.detail)

            self._reports.append((done.id, conclude))

        self._workers.roll_back(run, remediation, rolled_back)

    def _conclude(self, run: Run, incident: Incident, verdict: Verdict, reason: Reason, detail: str) -> None:
        self._verifications.forget(run)
        now = self._clock.now()
        judged = replace(run, verdict=verdict, verdict_reason=reason, verified_at=now)
        if detail and not judged.detail:
            judged = replace(judged, detail=detail)
        if verdict is not Verdict.RECOVERED:
            self._next(judged, incident, detail)
            return
        healed = replace(
            incident,
            state=IncidentState.RECOVERED,
            reason=reason,
            detail=detail,
            updated_at=now,
            closed_at=now,
        )
        self._judge(judged, healed)
        self._escalation.recovered(incident, now)

    def _next(self, run: Run, incident: Incident, detail: str) -> None:
        """Put an incident whose run did not help up for another decision."""
        again = replace(
            incident,
            state=IncidentState.OPEN,
            reason=run.verdict_reason,
            detail=detail,
            updated_at=self._clock.now(),
        )
        self._judge(run, again)

    def _judge(self, run: Run, incident: Incident) -> None:
        self._stores.runs.judge(run, incident, ACTOR)
        metrics.VERDICTS.labels(run.plan.remediation, run.verdict.value).inc()
        log.info(
            "run judged", run=run.id, verdict=run.verdict, reason=run.verdict_reason, detail=incident.detail
        )


def _insist(write: Callable[[], None]) -> None:
    """Write what cannot be repeated, though a poll may change the incident between our look and our word.

    Raises ConflictError when that happens at every try.
    """
    for _ in range(_TRIES - 1):
        with suppress(ConflictError):
            write()  # which reads the incident anew
            return
    write()
