"""From the start of a run to its verdict: what is found of it, in the phase it is in, moves it on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace

from agent import metrics
from agent.clock import Clock
from agent.decide import Remediation
from agent.errors import ConflictError, NotFoundError, PausedError, StoreError
from agent.log import Logger
from agent.reasons import Reason
from agent.records import Incident, IncidentState, Run, RunPhase, RunState, Verdict
from agent.response.autonomy import Autonomy
from agent.response.escalation import WAITING, Escalation
from agent.response.phases import TABLE, Do, Found
from agent.response.recoveries import attribute
from agent.response.throttle import MOST_TRIES, Throttle
from agent.response.transitions import ACTOR, log_transition, transition
from agent.response.verdicts import STATE_OF, state_after, verdict_of, wants_rollback
from agent.response.verifications import Verifications
from agent.response.workers import Report, Workers
from agent.store import Stores, pause_over, put_messages, save_run, told_targets
from agent.verify import Finding

log = Logger("response")


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
        autonomy: Autonomy,
        clock: Clock,
    ) -> None:
        self._stores = stores
        self._catalog = catalog
        self._workers = workers
        self._verifications = verifications
        self._escalation = escalation
        self._autonomy = autonomy
        self._clock = clock
        self._reports: deque[Report] = deque()
        self._throttle = Throttle(clock)
        self._wake: Callable[[], None] = lambda: None
        self._stopping = False
        workers.connect(self._try_to_wake)
        verifications.connect(self._try_to_wake)

    def connect(self, wake: Callable[[], None]) -> None:
        """Take what takes a turn when there is news."""
        self._wake = wake

    def stop(self) -> None:
        """Begin no verification or rollback any more."""
        self._stopping = True
        self._verifications.stop()

    def start(self, run: Run) -> None:
        """Have a run carried out whose intent is written."""
        self._workers.start(run, self._catalog()[run.plan.remediation], self._reports.append)

    @property
    def full(self) -> bool:
        """Return whether as many runs as may be are at work, or over and not yet written as such."""
        return self._workers.full({report.run.id for report in list(self._reports)})

    def take_up(self) -> None:
        """Write what workers reported. Raises StoreError; the report is kept then, and tried next turn."""
        while self._reports:
            report = self._reports[0]
            try:
                self._go_on(report.run, report.phase, report.found, report.detail)
            except StoreError:
                raise
            except (ConflictError, NotFoundError) as error:
                log.warning("report of a run does not fit any more", run=report.run.id, why=str(error))
            except Exception as error:  # the phase says how it goes on without this report
                log.error("report of a run could not be taken up", error, run=report.run.id)
                self._throttle.failed(report.run.id)
            self._reports.popleft()

    def attend(self, run: Run) -> None:
        """Look at a run that is not over, and do what its phase and what is found call for."""
        if self._stopping or not self._throttle.is_due(run.id):
            return
        # first: a worker reports before it is gone, so that nobody is missed between two questions
        at_work = self._workers.is_at_work(run.id)
        if any(report.run.id == run.id for report in list(self._reports)):
            return
        if run.phase is RunPhase.VERIFYING:
            self._verify(run)
        else:
            self._go_on(run, run.phase, Found.AT_WORK if at_work else self._look(run), "")

    def give_up(self, run: Run, why: str) -> None:
        """End a run that cannot be attended to, and call people."""
        self._conclude(run, run.phase, Verdict.UNKNOWN, Reason.INTERNAL_ERROR, why)

    def _look(self, run: Run) -> Found:
        """Return what is found of a run that nobody works on."""
        if run.tries >= MOST_TRIES:
            return Found.USED_UP
        if run.phase is RunPhase.ROLLING_BACK:
            with self._stores.database.reading() as connection:
                if pause_over(connection, run.plan, self._clock.now()):
                    return Found.PAUSED
        return Found.NOBODY

    def _go_on(self, run: Run, phase: RunPhase, found: Found, detail: str) -> None:
        do = TABLE[phase, found]
        if found not in (Found.AT_WORK, Found.UNDECIDED):
            log.debug("run found", run=run.id, phase=phase, found=found, do=do)
        match do:
            case Do.WAIT:
                self._wait(run, found)
            case Do.DROP:
                self._drop(run, detail)
            case Do.CLEAN_UP:
                self._clean_up(run, phase, found)
            case Do.VERIFY:
                self._begin_to_verify(run, phase, detail)
            case Do.ROLL_BACK:
                self._roll_back(run, phase, found)
            case Do.TRY_AGAIN:
                self._try_again(run, phase, detail)
            case Do.CONCLUDE:
                self._conclude(run, phase, *verdict_of(run, phase, found, detail))

    def _wait(self, run: Run, found: Found) -> None:
        """Tell people once that a rollback waits for the end of a pause."""
        if found is not Found.PAUSED:
            return
        now = self._clock.now()
        incident = self._stores.incidents.get(run.incident_id)
        with self._stores.transaction() as connection:
            pause = pause_over(connection, run.plan, now)
            if pause is None:
                return
            told = told_targets(connection, incident.id, WAITING)
            detail = f"its rollback waits: {pause}"
            moved = transition(
                connection,
                incident,
                IncidentState.REMEDIATING,
                Reason.ROLLING_BACK,
                detail,
                now,
                waits_until=pause.until,
                messages=() if told else self._escalation.told(WAITING),
            )
        log_transition(incident, moved)

    def _drop(self, run: Run, detail: str) -> None:
        log.warning("run was never started", run=run.id, incident=run.incident_id, why=detail)
        reason = Reason.NOT_BEGUN if detail else Reason.NEVER_STARTED
        dropped = replace(run, state=RunState.CANCELED, reason=reason, detail=detail)
        self._conclude(dropped, run.phase, Verdict.UNKNOWN, reason, detail)

    def _clean_up(self, run: Run, phase: RunPhase, found: Found) -> None:
        if phase is not RunPhase.CLEANING_UP:
            log.warning("run was interrupted", run=run.id, incident=run.incident_id, found=found)
        going = self._advance(run, phase, RunPhase.CLEANING_UP, Reason.CLEANING_UP, "")
        self._workers.clean_up(going, self._reports.append)

    def _begin_to_verify(self, run: Run, phase: RunPhase, detail: str) -> None:
        metrics.RUNS.labels(run.plan.remediation, run.state.value, str(run.reason)).inc()
        log.info("run ended", run=run.id, state=run.state, reason=run.reason, detail=run.detail)
        self._verifications.forget(run.id)
        reason = Reason.STOPPING if run.state is RunState.CANCELED else run.reason
        self._advance(run, phase, RunPhase.VERIFYING, reason, run.detail or detail)
        self._throttle.succeeded(run.id)

    def _roll_back(self, run: Run, phase: RunPhase, found: Found) -> None:
        if self._catalog().get(run.plan.remediation) is None:
            detail = "the rollback's files are gone"
            self._conclude(run, phase, *verdict_of(run, phase, Found.NOT_UNDONE, detail))
            return
        if found is Found.FAILED_HALFWAY:
            run = replace(run, verdict=Verdict.NOT_RECOVERED, verdict_reason=run.reason)
        if phase is not RunPhase.ROLLING_BACK:
            log.warning("rolling back", run=run.id, verdict=run.verdict, reason=run.verdict_reason)
            self._verifications.forget(run.id)
        going = self._advance(run, phase, RunPhase.ROLLING_BACK, Reason.ROLLING_BACK, "")
        if phase is RunPhase.ROLLING_BACK:  # from another one it goes on with the next look, pause and all
            self._workers.roll_back(going, self._reports.append)

    def _try_again(self, run: Run, phase: RunPhase, detail: str) -> None:
        failures = self._throttle.failed(run.id)
        log.warning("has to be tried again", run=run.id, phase=phase, failures=failures, why=detail)
        if detail and detail != run.detail:
            now = self._clock.now()
            noted = replace(self._stores.runs.get(run.id), detail=detail)
            with self._stores.transaction() as connection:
                save_run(connection, noted, phase, now, ACTOR, "try failed", {"why": detail})

    def _verify(self, run: Run) -> None:
        incident = self._stores.incidents.get(run.incident_id)
        remediation = self._catalog().get(run.plan.remediation)
        if self._throttle.failing(run.id) >= MOST_TRIES:
            self._go_on(run, run.phase, Found.USED_UP, "")
            return
        try:
            finding = self._look_at(run, remediation, incident)
        except Exception as error:
            log.error("a run could not be looked at", error, run=run.id)
            self._verifications.forget(run.id)
            self._go_on(run, run.phase, Found.RAISED, f"{type(error).__name__}: {error}")
            return
        if finding is None or finding.verdict is Verdict.PENDING:
            return
        seen = replace(
            run,
            checks=finding.checks,
            verdict=finding.verdict,
            verdict_reason=finding.reason,
            detail=run.detail or finding.detail,
            evidence_at=finding.seen_at,
        )
        if finding.verdict is Verdict.RECOVERED:
            seen = replace(seen, attribution=attribute(self._stores, seen, incident, finding, self._clock))
        undo = remediation is not None and wants_rollback(seen, remediation)
        found_now = Found.JUDGED_TO_UNDO if undo else Found.JUDGED
        self._go_on(seen, run.phase, found_now, finding.detail)

    def _look_at(self, run: Run, remediation: Remediation | None, incident: Incident) -> Finding | None:
        if remediation is None:
            return Finding(Verdict.UNKNOWN, Reason.METRICS_MISSING, "the remediation's files are gone", ())
        return self._verifications.look(run, remediation.file.verify, incident)

    def _advance(
        self, run: Run, found_in: RunPhase, phase: RunPhase, reason: Reason | None, detail: str
    ) -> Run:
        """Write that a run goes on in a phase, or that it is tried there once more, and its incident too."""
        now = self._clock.now()
        # into a phase where a worker begins at once, or again, that is a try
        begins = phase is RunPhase.CLEANING_UP or phase is found_in
        tries = (run.tries if phase is found_in else 0) + int(begins)
        going = replace(run, phase=phase, tries=tries)
        incident = self._stores.incidents.get(run.incident_id)
        moved = incident
        with self._stores.transaction() as connection:
            pause = pause_over(connection, run.plan, now) if phase is RunPhase.ROLLING_BACK else None
            if pause is not None and begins:
                raise PausedError(str(pause))
            action = f"run {phase.value.replace('_', ' ')}"
            told = {"state": run.state.value, "reason": run.reason, "detail": run.detail, "try": tries}
            save_run(connection, going, found_in, now, ACTOR, action, told)
            if phase is RunPhase.ROLLING_BACK:
                news = self._autonomy.after_run(connection, going, incident, now)
                put_messages(connection, incident.id, news, now)
            if not incident.state.final:
                moved = transition(connection, incident, STATE_OF[phase], reason, detail, now)
        log_transition(incident, moved)
        return going

    def _conclude(self, run: Run, found_in: RunPhase, verdict: Verdict, reason: Reason, detail: str) -> None:
        """Write a verdict, which frees the hosts, and move the incident on."""
        now = self._clock.now()
        judged = replace(
            run,
            phase=RunPhase.OVER,
            verdict=verdict,
            verdict_reason=reason,
            verified_at=now,
            detail=run.detail or detail,
            evidence_at=run.evidence_at or run.fresh_after,
        )
        incident = self._stores.incidents.get(run.incident_id)
        state = state_after(judged)
        told = {
            "verdict": verdict.value,
            "reason": reason,
            "checks": [(one.text, one.holds, one.before, one.after) for one in run.checks],
        }
        with self._stores.transaction() as connection:
            save_run(connection, judged, found_in, now, ACTOR, "run judged", told)
            given = state is IncidentState.ESCALATED and incident.state is not state
            messages = self._escalation.given(incident, now) if given else []
            put_messages(
                connection,
                incident.id,
                self._autonomy.after_run(connection, judged, incident, now),
                now,
            )
            moved = incident
            if not incident.state.final:
                moved = transition(connection, incident, state, reason, detail, now, messages=messages)
        self._verifications.forget(run.id)
        self._throttle.succeeded(run.id)
        if found_in is RunPhase.RUNNING:
            metrics.RUNS.labels(run.plan.remediation, run.state.value, str(run.reason)).inc()
        metrics.VERDICTS.labels(run.plan.remediation, verdict.value).inc()
        log.info("run judged", run=run.id, verdict=verdict, reason=reason, detail=detail)
        log_transition(incident, moved)

    def _try_to_wake(self) -> None:
        try:
            self._wake()
        except StoreError as error:
            log.warning("outcome of a run has to wait", why=str(error))
        except Exception as error:
            log.error("the outcome of a run was not taken up", error)
