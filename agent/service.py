"""The agent as a process: scheduled polls and turns, live status, an orderly end."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import IO, Any

from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.schedulers.background import BackgroundScheduler

from agent import __version__
from agent.errors import ConflictError, RunError, StoreError, StoreUnavailable
from agent.livestatus import write_live_status
from agent.log import Logger
from agent.wiring import Agent

log = Logger("service")

_TICK = timedelta(seconds=1)
_POLL, _TURN, _INVENTORY = "poll", "turn", "inventory"
_AHEAD = 0.8  # of the refresh time: read again before the old answer runs out


class Service:
    """Runs one agent until it is told to stop."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._stop = threading.Event()
        self._late_polls = 0
        self._trouble: dict[str, str] = {}
        self._started_at = agent.clock.now()
        self._scheduler = BackgroundScheduler(timezone="UTC")
        self._scheduler.add_listener(self._count_late, EVENT_JOB_MAX_INSTANCES | EVENT_JOB_MISSED)

    def run(self) -> None:
        """Work until SIGTERM or SIGINT, then stop in order.

        Raises ConflictError when another agent uses the same state folder.
        """
        settings = self._agent.settings
        with _only_one(settings.agent.state_dir):
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._on_signal)
            log.info(
                "agent started",
                version=__version__,
                mode=settings.agent.mode,
                signals=len(self._agent.definitions.book.signals),
                rules=len(self._agent.definitions.book.rules),
                remediations=len(self._agent.definitions.catalog),
                poll_s=settings.collect.poll.total_seconds(),
            )
            self._guarded("recovery", self._agent.responder.recover)
            self._schedule(_POLL, settings.collect.poll, self._agent.pipeline.poll)
            self._schedule(_TURN, min(_TICK, settings.collect.poll), self._agent.responder.turn)
            self._schedule(
                _INVENTORY, settings.decide.inventory_refresh * _AHEAD, self._agent.inventory.refresh
            )
            self._scheduler.start()
            _notify("READY=1")
            self._stop.wait()
            self._shut_down()

    def _schedule(self, name: str, interval: timedelta, work: Callable[[], None]) -> None:
        self._scheduler.add_job(
            lambda: self._guarded(name, work),
            "interval",
            seconds=interval.total_seconds(),
            id=name,
            name=name,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=max(1, round(interval.total_seconds())),
            next_run_time=self._agent.clock.now(),
        )

    def _guarded(self, name: str, work: Callable[[], None]) -> None:
        """Do work whose failure must not end the agent; complain when it begins, changes or ends."""
        try:
            work()
        except StoreUnavailable as error:
            self._complain(name, f"nothing is started while the store cannot be used: {error}")
        except (StoreError, RunError) as error:
            self._complain(name, str(error))
        except Exception as error:
            if self._trouble.get(name) != repr(error):
                log.error("unforeseen error", error, work=name)
            self._trouble[name] = repr(error)
        else:
            if self._trouble.pop(name, None):
                log.info("works again", work=name)
        self._write_status("running")

    def _complain(self, name: str, why: str) -> None:
        if self._trouble.get(name) != why:
            log.error("cannot go on with this for now", work=name, why=why)
        self._trouble[name] = why

    def _count_late(self, event: JobExecutionEvent) -> None:
        if event.job_id == _POLL:
            self._late_polls += 1
            log.warning("poll was late", late_polls=self._late_polls)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        log.info("asked to stop", signal=signal.Signals(number).name)
        self._stop.set()

    def _shut_down(self) -> None:
        _notify("STOPPING=1")
        grace = self._agent.settings.remediate.grace
        self._agent.responder.stop()
        self._write_status("stopping")
        self._scheduler.shutdown(wait=True)
        self._agent.workers.stop(grace)
        self._agent.source.close()
        self._agent.stores.database.close()
        self._write_status("stopped")
        log.info("agent stopped")

    def _write_status(self, state: str) -> None:
        agent = self._agent
        health = agent.pipeline.health
        status: dict[str, Any] = {
            "name": agent.settings.agent.name,
            "version": __version__,
            "state": state,
            "pid": os.getpid(),
            "mode": agent.settings.agent.mode,
            "started_at": self._started_at,
            "written_at": agent.clock.now(),
            "poll_interval_s": agent.settings.collect.poll.total_seconds(),
            "polls": health.polls,
            "late_polls": self._late_polls,
            "poll_seconds": round(health.seconds, 4),
            "polled_at": health.at,
            "series": health.series,
            "anomalies": health.anomalies,
            "signals": len(agent.definitions.book.signals),
            "signals_failed": dict(health.failed),
            "trouble": dict(self._trouble),
        }
        with suppress(OSError):
            write_live_status(agent.settings.agent.runtime_dir, status)


class _only_one:  # noqa: N801 - reads as a statement
    """Hold the lock on a state folder; a second agent on it would start runs twice."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "agent.lock"
        self._stream: IO[str] | None = None

    def __enter__(self) -> None:
        stream = self._file.open("a+")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            stream.seek(0)
            pid = stream.read().strip() or "unknown"
            stream.close()
            message = f"another agent (pid {pid}) is at work on {self._file.parent}"
            raise ConflictError(message) from error
        stream.truncate(0)
        stream.write(str(os.getpid()))
        stream.flush()
        self._stream = stream

    def __exit__(self, *exception: object) -> None:
        if self._stream is not None:
            self._stream.close()


def _notify(message: str) -> None:
    """Tell systemd (``Type=notify``) how we are; without it nothing happens."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.connect("\0" + address[1:] if address.startswith("@") else address)
        channel.sendall(message.encode())
