"""Runs at work: each in a thread of its own, cancellable, its journal kept even while the disk is full."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from agent.clock import Clock
from agent.collect.base import MetricSource
from agent.decide import Remediation
from agent.errors import OpsmendError, SourceError, StoreError
from agent.log import Logger
from agent.reasons import Reason
from agent.records import Run, RunState, StepOutcome, TaskEvent
from agent.remediate import Steps
from agent.store import RunStore

log = Logger("remediate")


@dataclass(frozen=True, slots=True)
class _Work:
    incident_id: int
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
    """Carries out runs.

    ``ended`` is called in the worker's thread when a run is over, and should only take note of it; when
    there is room for the next run, whoever is connected is called.
    """

    def __init__(
        self,
        *,
        steps: Steps,
        runs: RunStore,
        source: MetricSource,
        clock: Clock,
        most: int,
    ) -> None:
        self._steps = steps
        self._runs = runs
        self._source = source
        self._clock = clock
        self._most = most
        self._pool = ThreadPoolExecutor(most, thread_name_prefix="remediate")
        self._at_work: dict[int, _Work] = {}  # by the run's id
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
        """Return whether a run is being carried out by this process."""
        return run_id in self._busy()

    def is_at_work_for(self, incident_id: int) -> bool:
        """Return whether a run of an incident is being carried out by this process."""
        return any(self._at_work[run_id].incident_id == incident_id for run_id in self._busy())

    def start(self, run: Run, remediation: Remediation, ended: Callable[[Run], None]) -> None:
        """Carry out a run whose intent is written."""
        self._submit(run, lambda cancel: ended(self._carry_out(run, remediation, cancel)))

    def clean_up(self, run: Run, ended: Callable[[Run], None]) -> None:
        """End what an interrupted run may have left, then report it as interrupted."""

        def work(cancel: threading.Event) -> None:
            left = self._steps.end_leftovers(run)
            now = self._clock.now()
            ended(
                replace(
                    run,
                    state=RunState.INTERRUPTED,
                    reason=Reason.LEFTOVERS_UNKNOWN if left.unknown else Reason.INTERRUPTED,
                    detail=left.unknown,
                    ended_at=now,
                    fresh_after=self._source_time(run),
                )
            )

        self._submit(run, work)

    def roll_back(self, run: Run, remediation: Remediation, ended: Callable[[Run], None]) -> None:
        """Run the rollback of a run that made nothing better."""

        def work(cancel: threading.Event) -> None:
            outcome = self._steps.roll_back(run, cancel)
            ended(replace(run, steps=(*run.steps, outcome)))

        self._submit(run, work)

    def cancel(self, run_id: int) -> None:
        """Cancel a run; it reports back as canceled when nothing of it is left."""
        if run_id in self._at_work:
            self._at_work[run_id].cancel.set()

    def stop(self, grace: timedelta) -> None:
        """Let running work finish within the grace time, then cancel it and wait until it is gone."""
        futures = [work.future for work in self._at_work.values()]
        wait(futures, timeout=grace.total_seconds())
        for work in self._at_work.values():
            work.cancel.set()
        wait(futures)
        self._pool.shutdown()

    def _busy(self) -> set[int]:
        self._at_work = {id_: work for id_, work in self._at_work.items() if not work.future.done()}
        return set(self._at_work)

    def _submit(self, run: Run, work: Callable[[threading.Event], None]) -> None:
        cancel = threading.Event()

        def guarded() -> None:
            try:
                work(cancel)
            except Exception as error:
                log.error("run ended by an unforeseen error", error, run=run.id)

        def tell(future: Future[None]) -> None:
            try:
                self._have_room()
            except Exception as error:
                log.error("the end of a run was not taken up", error, run=run.id)

        future = self._pool.submit(guarded)
        self._at_work[run.id] = _Work(run.incident_id, cancel, future)
        future.add_done_callback(tell)

    def _carry_out(self, run: Run, remediation: Remediation, cancel: threading.Event) -> Run:
        try:
            running = self._runs.start(
                replace(run, state=RunState.RUNNING, started_at=self._clock.now()), run.actor
            )
        except OpsmendError as error:
            detail = f"not started: {error}"
            return replace(
                run,
                state=RunState.FAILED,
                reason=Reason.STORE_UNAVAILABLE,
                detail=detail,
                ended_at=self._clock.now(),
            )
        log.info("run started", run=run.id, remediation=remediation.name, hosts=",".join(run.plan.hosts))
        try:
            ended = self._steps.carry_out(running, cancel)
        except Exception as error:
            log.error("run failed by an unforeseen error", error, run=run.id)
            ended = replace(
                running,
                state=RunState.FAILED,
                reason=Reason.STEP_FAILED,
                detail=f"{type(error).__name__}: {error}",
                ended_at=self._clock.now(),
            )
        return replace(ended, fresh_after=self._source_time(ended))

    def _source_time(self, run: Run) -> datetime:
        try:
            return self._source.now()
        except SourceError:
            return run.ended_at or self._clock.now()
