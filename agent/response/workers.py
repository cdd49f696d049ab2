"""Runs at work: each in a thread of its own, cancellable, its journal kept even while the disk is full.

A worker always reports what it found, also when it raises: nothing waits for somebody who is gone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from agent.clock import Clock
from agent.decide import Remediation
from agent.errors import OpsmendError, PausedError, RunError, StoreError
from agent.log import Logger
from agent.reasons import Reason
from agent.records import Run, RunPhase, RunState, StepOutcome, TaskEvent
from agent.remediate import Steps
from agent.response.phases import Found
from agent.store import RunStore, Stores, pause_over, save_run

log = Logger("remediate")

# ends of a step that did nothing on any host
_NOT_BEGUN = (Reason.INVENTORY_UNAVAILABLE, Reason.PLAYBOOK_MISSING, Reason.PLAY_REFUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of one try, in memory until it is written: the run as it stands then, and what was found.

    ``phase`` is the one that was worked on; a run that is in another one by now has no use for the report.
    """

    run: Run
    phase: RunPhase
    found: Found
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Work:
    cancel: threading.Event
    future: Future[None]


class StoreJournal:
    """Writes steps and events to the store; what cannot be written now is kept and written later."""

    def __init__(self, runs: RunStore) -> None:
        self._runs = runs
        self._waiting: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    def write_step(self, run_id: int, outcome: StepOutcome) -> None:
        """Keep how an attempt of a step ended."""
        self._write(lambda: self._runs.write_step(run_id, outcome))

    def write_event(self, run_id: int, event: TaskEvent) -> None:
        """Keep one line of what Ansible did."""
        self._write(lambda: self._runs.write_event(run_id, event))

    def _write(self, entry: Callable[[], None]) -> None:
        with self._lock:
            self._waiting.append(entry)
            try:
                while self._waiting:
                    self._waiting[0]()
                    del self._waiting[0]
            except StoreError as error:
                if len(self._waiting) == 1:
                    log.warning("journal of a run has to wait", why=str(error))


class Workers:
    """Works on runs, each in the phase it is in.

    ``report`` is called in the worker's thread, once for every try, and should only take note; when there
    is room for the next run, whoever is connected is called.
    """

    def __init__(
        self,
        *,
        steps: Steps,
        stores: Stores,
        source_time: Callable[[], datetime | None],
        clock: Clock,
        most: int,
    ) -> None:
        self._steps = steps
        self._stores = stores
        self._source_time = source_time
        self._clock = clock
        self._most = most
        self._pool = ThreadPoolExecutor(most, thread_name_prefix="remediate")
        self._at_work: dict[int, _Work] = {}  # by the run's id
        self._door = threading.Lock()  # of the pool: nobody enters once it is being emptied
        self._stopping = False
        self._have_room: Callable[[], None] = lambda: None

    def connect(self, have_room: Callable[[], None]) -> None:
        """Take what is called, in a thread of ours, when a run is over and no longer at work."""
        self._have_room = have_room

    def full(self, others: Collection[int] = ()) -> bool:
        """Return whether as many runs are at work as may be, counting the runs of other ids too."""
        return len(self._busy().union(others)) >= self._most

    @property
    def at_work(self) -> bool:
        """Return whether any run is; may be asked from any thread."""
        return any(not work.future.done() for work in list(self._at_work.values()))

    def is_at_work(self, run_id: int) -> bool:
        """Return whether a run is being worked on by this process."""
        return run_id in self._busy()

    def start(self, run: Run, remediation: Remediation, report: Callable[[Report], None]) -> None:
        """Carry out a run whose intent is written."""
        self._submit(run, report, lambda cancel: self._carry_out(run, remediation, cancel))

    def clean_up(self, run: Run, report: Callable[[Report], None]) -> None:
        """End what an interrupted run may have left."""
        self._submit(run, report, lambda cancel: self._clean_up(run))

    def roll_back(self, run: Run, report: Callable[[Report], None]) -> None:
        """Run the rollback of a run, after what an earlier try may have left is ended."""
        self._submit(run, report, lambda cancel: self._roll_back(run, cancel))

    def cancel(self, run_id: int) -> None:
        """Cancel what carries a run out; it reports when nothing of it is left. May be called anywhere."""
        work = self._at_work.get(run_id)
        if work is not None:
            work.cancel.set()

    def stop(self, grace: timedelta) -> None:
        """Let running work finish within the grace time, then cancel it and wait until it is gone."""
        with self._door:
            self._stopping = True
        futures = [work.future for work in self._at_work.values()]
        wait(futures, timeout=grace.total_seconds())
        for work in self._at_work.values():
            work.cancel.set()
        wait(futures)
        self._pool.shutdown()

    def _busy(self) -> set[int]:
        self._at_work = {id_: work for id_, work in self._at_work.items() if not work.future.done()}
        return set(self._at_work)

    def _submit(
        self, run: Run, report: Callable[[Report], None], work: Callable[[threading.Event], Report]
    ) -> None:
        cancel = threading.Event()

        def reporting() -> None:
            try:
                done = work(cancel)
            except Exception as error:
                log.error("work on a run ended by an unforeseen error", error, run=run.id)
                detail = f"{type(error).__name__}: {error}"
                done = Report(run=run, phase=run.phase, found=Found.RAISED, detail=detail)
            report(done)

        def tell(future: Future[None]) -> None:
            try:
                self._have_room()
            except Exception as error:
                log.error("the end of a run was not taken up", error, run=run.id)

        with self._door:
            if self._stopping:  # its phase is written: whoever finds it next goes on from there
                log.info("left to the next start", run=run.id, phase=run.phase)
                return
            future = self._pool.submit(reporting)
            self._at_work[run.id] = _Work(cancel, future)
        future.add_done_callback(tell)

    def _carry_out(self, run: Run, remediation: Remediation, cancel: threading.Event) -> Report:
        try:
            running = self._begin(run)
        except OpsmendError as error:
            return Report(run=run, phase=run.phase, found=Found.NOT_BEGUN, detail=str(error))
        log.info("run started", run=run.id, remediation=remediation.name, hosts=",".join(run.plan.hosts))
        try:
            ended = self._steps.carry_out(running, cancel)
        except RunError as error:  # before the first step
            idle = replace(running, state=RunState.FAILED, reason=Reason.NOT_BEGUN, detail=str(error))
            return Report(run=idle, phase=running.phase, found=Found.NOT_BEGUN, detail=str(error))
        except Exception as error:
            log.error("run failed by an unforeseen error", error, run=run.id)
            detail = f"{type(error).__name__}: {error}"
            return Report(run=running, phase=running.phase, found=Found.RAISED, detail=detail)
        ended = replace(ended, fresh_after=self._source_time())
        return Report(run=ended, phase=running.phase, found=self._judge(ended, remediation))

    def _begin(self, run: Run) -> Run:
        """Write that a run begins to work: from here on it may have touched its hosts."""
        now = self._clock.now()
        running = replace(run, phase=RunPhase.RUNNING, state=RunState.RUNNING, started_at=now)
        with self._stores.transaction() as connection:
            pause = pause_over(connection, run.plan, now)
            if pause is not None:
                raise PausedError(str(pause))
            save_run(connection, running, run.phase, now, run.actor, "run started", {})
        return running

    def _judge(self, run: Run, remediation: Remediation) -> Found:
        """Return what the way the steps ended means."""
        touched = any(step.changed or step.state is RunState.SUCCEEDED for step in run.steps)
        match run.state:
            case RunState.SUCCEEDED:
                return Found.SUCCEEDED
            case _ if run.reason is Reason.LEFTOVERS_UNKNOWN:
                return Found.NOT_KNOWN
            case _ if run.reason in _NOT_BEGUN and not touched:
                return Found.NOT_BEGUN
            case RunState.CANCELED:
                return Found.STOPPED if self._stopping else Found.CANCELED
            case _ if run.reason is Reason.HOST_UNREACHABLE:
                return Found.LOST if touched else Found.OUT_OF_REACH
        how = Reason.STEP_FAILED if run.reason in _NOT_BEGUN else run.reason
        halfway = how is not None and remediation.file.rollback.wanted_for(how)
        return Found.FAILED_HALFWAY if halfway else Found.FAILED

    def _clean_up(self, run: Run) -> Report:
        left = self._steps.end_leftovers(run)
        interrupted = replace(
            run,
            state=RunState.INTERRUPTED,
            reason=Reason.INTERRUPTED,
            ended_at=run.ended_at or self._clock.now(),
            fresh_after=self._source_time(),
        )
        found = Found.NOT_KNOWN if left.unknown else Found.CLEAN
        return Report(run=interrupted, phase=run.phase, found=found, detail=left.unknown)

    def _roll_back(self, run: Run, cancel: threading.Event) -> Report:
        try:
            if run.tries > 1:  # a try before this one may have been cut short by a crash
                left = self._steps.end_leftovers(run)
                if left.unknown:
                    return Report(run=run, phase=run.phase, found=Found.NOT_KNOWN, detail=left.unknown)
            outcome = self._steps.roll_back(run, cancel)
        except RunError as error:
            return Report(run=run, phase=run.phase, found=Found.NOT_BEGUN, detail=str(error))
        done = replace(run, steps=(*run.steps, outcome))
        return Report(run=done, phase=run.phase, found=_undone(outcome), detail=outcome.detail)


def _undone(outcome: StepOutcome) -> Found:
    """Return what the way a rollback ended means."""
    if outcome.state is RunState.SUCCEEDED:
        return Found.UNDONE
    if outcome.reason in _NOT_BEGUN:
        return Found.NOT_BEGUN
    if outcome.reason is Reason.LEFTOVERS_UNKNOWN:
        return Found.NOT_KNOWN
    if outcome.state is RunState.CANCELED:
        return Found.STOPPED
    return Found.OUT_OF_REACH if outcome.reason is Reason.HOST_UNREACHABLE else Found.NOT_UNDONE
