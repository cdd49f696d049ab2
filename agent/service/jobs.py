"""Work in, done again and again: on a schedule, guarded, its trouble told when it begins, changes or ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.schedulers.background import BackgroundScheduler

from agent.cleantext import describe_unforeseen
from agent.clock import Clock
from agent.errors import RunError, SourceError, StateError, StoreError, StoreUnavailable
from agent.log import Logger

log = Logger("service")

_QUIET_S = 10.0  # without failure, after which trouble counts as over
_LOOK_S = 1.0
_SET_BACK_S = 2.0  # more than a clock is slowed down by in that time


class Jobs:
    """Schedules work by name. ``afterwards`` is called after each piece, whether it went well or not.

    ``trouble`` says by name what cannot be done for now; ``late`` is called with the name of a job that
    could not begin because its last turn was still at work.
    """

    def __init__(self, clock: Clock, afterwards: Callable[[], None], late: Callable[[str], None]) -> None:
        self.trouble: dict[str, str] = {}
        self._clock = clock
        self._afterwards = afterwards
        self._late = late
        self._failed_at: dict[str, float] = {}
        self._writing = threading.Lock()
        self._scheduler = BackgroundScheduler(timezone="UTC")
        self._stopped = threading.Event()
        self._scheduler.add_listener(self._on_late, EVENT_JOB_MAX_INSTANCES | EVENT_JOB_MISSED)

    def start(self) -> None:
        """Begin with what is scheduled."""
        self._scheduler.start()
        threading.Thread(target=self._watch_clock, name="clock", daemon=True).start()

    def stop(self) -> None:
        """Schedule nothing more and wait for what is at work."""
        self._stopped.set()
        self._scheduler.shutdown(wait=True)

    def schedule(self, name: str, interval: timedelta, work: Callable[[], None]) -> None:
        """Do work now and then at this interval; a turn never overlaps the one before."""
        self._scheduler.add_job(
            lambda: self.guarded(name, work),
            "interval",
            seconds=interval.total_seconds(),
            id=name,
            name=name,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=max(1, round(interval.total_seconds())),
            next_run_time=self._clock.now(),
        )

    def guarded(self, name: str, work: Callable[[], None]) -> None:
        """Do work whose failure must not end the agent."""
        try:
            work()
        except StoreUnavailable as error:
            self.complain(name, f"nothing is started while the store cannot be used: {error}")
        except (StoreError, RunError, SourceError, StateError) as error:
            self.complain(name, str(error))
        except Exception as error:
            why = describe_unforeseen(error)
            if self.trouble.get(name) != why:
                log.error("unforeseen error", error, work=name)
            self._remember(name, why)
        else:
            self._calm(name)
        self._afterwards()

    def complain(self, name: str, why: str) -> None:
        """Note that something cannot be done for now."""
        if self.trouble.get(name) != why:
            log.error("cannot go on with this for now", work=name, why=why)
        self._remember(name, why)

    def _watch_clock(self) -> None:
        """Go on at once where the clock is set back: the scheduler would wait until it is as late again."""
        before = self._ahead_s()
        while not self._stopped.wait(_LOOK_S):
            ahead = self._ahead_s()
            if ahead < before - _SET_BACK_S:
                log.warning("the clock was set back", by_s=round(before - ahead))
                for job in self._scheduler.get_jobs():
                    job.modify(next_run_time=datetime.now(UTC))
            before = ahead

    def _ahead_s(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic()

    def _remember(self, name: str, why: str) -> None:
        with self._writing:  # replaced, never changed: others go through it meanwhile
            self.trouble = {**self.trouble, name: why}
        self._failed_at[name] = self._clock.monotonic()

    def _calm(self, name: str) -> None:
        # work that only reads goes well while the disk is full: wait a little before all is well
        quiet_s = self._clock.monotonic() - self._failed_at.get(name, 0.0)
        if name in self.trouble and quiet_s > _QUIET_S:
            with self._writing:
                self.trouble = {other: why for other, why in self.trouble.items() if other != name}
            log.info("works again", work=name)

    def _on_late(self, event: JobExecutionEvent) -> None:
        self._late(event.job_id)
