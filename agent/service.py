"""The agent as a process: scheduled polls and turns, what arrives in between, reload, an orderly end."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.schedulers.background import BackgroundScheduler

from agent import __version__, metrics
from agent.background.trainer import Trainer
from agent.collect.backfill import Wanted
from agent.config import check_settings, load_settings
from agent.diagnose.live.support import describe_entity_anomaly
from agent.errors import ConfigError, OpsmendError, RunError, SourceError, StoreError, StoreUnavailable
from agent.livestatus import write_live_status
from agent.log import Logger
from agent.process import notify_systemd, only_one
from agent.web.access import load_tokens
from agent.web.app import make_app
from agent.web.parts import Parts
from agent.web.server import ApiServer
from agent.wiring import Agent, load_definitions

log = Logger("service")

_TICK = timedelta(seconds=1)
_DELIVER = timedelta(seconds=5)
_EXPIRE = timedelta(minutes=1)
_FORGET = timedelta(hours=1)
_TRAINING = timedelta(seconds=15)
_MOST_TOLD = 20  # strange entities in the status
_KEEP_COUNTS = timedelta(days=2)  # of log lines
_KEEP_EVENTS = timedelta(days=30)
_AHEAD = 0.8  # of the refresh time: the inventory is read again before the old answer runs out
_QUIET_S = 10.0  # without failure, after which trouble counts as over
_HEALTHY_POLLS = 4  # intervals without a poll after which we are not healthy


class Service:
    """Runs one agent until it is told to stop."""

    def __init__(self, agent: Agent, config: Path) -> None:
        self._agent = agent
        self._config = config
        self._tokens = load_tokens(agent.settings.api.tokens_file)
        self._wanted = threading.Event()
        self._stop = False
        self._reload = False
        self._arrived = threading.Event()
        self._history_wanted = agent.settings.collect.prometheus.backfill
        self._history_read: Mapping[str, Any] | None = None
        self._without_history = ""
        self._late_polls = 0
        self._trouble: dict[str, str] = {}
        self._failed_at: dict[str, float] = {}
        self._started_at = agent.clock.now()
        self._last_poll = agent.clock.monotonic()
        self._trainer = Trainer(agent.settings, config, agent.clock)
        self._scheduler = BackgroundScheduler(timezone="UTC")
        self._scheduler.add_listener(self._count_late, EVENT_JOB_MAX_INSTANCES | EVENT_JOB_MISSED)
        self._arrivals = threading.Thread(target=self._take_arrivals, name="arrivals", daemon=True)

    def run(self) -> None:
        """Work until SIGTERM or SIGINT, then stop in order; SIGHUP loads rules and remediations anew.

        Raises ConflictError when another agent uses the same state folder.
        """
        settings = self._agent.settings
        with only_one(settings.agent.state_dir):
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, self._on_signal)
            self._say_started()
            self._guarded("recovery", self._agent.responder.recover)
            server = self._open_port()
            self._arrivals.start()
            self._start_feeds()
            self._schedule("poll", settings.collect.poll, self._poll)
            self._schedule("turn", min(_TICK, settings.collect.poll), self._agent.responder.turn)
            refresh = settings.decide.inventory_refresh * _AHEAD
            self._schedule("inventory", refresh, self._agent.inventory.refresh)
            self._schedule("messages", _DELIVER, self._agent.notifier.deliver)
            self._schedule("alerts", _EXPIRE, self._agent.pipeline.expire_alerts)
            self._schedule("forget", _FORGET, self._forget)
            self._schedule("training", _TRAINING, self._trainer.turn)
            self._schedule("topology", settings.collect.topology.refresh, self._agent.read_topology)
            self._scheduler.start()
            notify_systemd("READY=1")
            self._wait()
            self._shut_down(server)

    def reload(self) -> None:
        """Load rules, policy, remediations and tokens anew; a mistake keeps what is in force."""
        notify_systemd(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            settings = load_settings(self._config)
            problems = list(check_settings(settings, self._config))
            if problems:
                raise ConfigError(problems)
            definitions = load_definitions(settings)
            tokens = load_tokens(settings.api.tokens_file)
        except ConfigError as error:
            for problem in error.problems:
                log.error("reload refused, the old configuration stays", problem=str(problem))
            self._trouble["configuration"] = str(error.problems[0])
            metrics.RELOADS.labels("refused").inc()
        else:
            self._agent.reload(definitions)
            self._tokens = tokens
            self._trouble.pop("configuration", None)
            metrics.RELOADS.labels("done").inc()
            self._guarded("audit", lambda: self._note("reloaded"))
            log.info("configuration reloaded", rules=len(definitions.book.rules), **self._counts())
        notify_systemd("READY=1")

    def _say_started(self) -> None:
        settings = self._agent.settings
        self._guarded("audit", lambda: self._note("agent started"))
        log.info(
            "agent started",
            version=__version__,
            mode=settings.agent.mode,
            **self._counts(),
            rules=len(self._agent.current.definitions.book.rules),
            poll_s=settings.collect.poll.total_seconds(),
        )

    def _counts(self) -> dict[str, int]:
        definitions = self._agent.current.definitions
        return {"signals": len(definitions.book.signals), "remediations": len(definitions.catalog)}

    def _note(self, action: str) -> None:
        agent = self._agent
        agent.stores.audit.note(
            agent.clock.now(),
            "opsmend",
            action,
            "agent",
            version=__version__,
            mode=agent.settings.agent.mode,
            rules=agent.current.definitions.book.digest,
            remediations={name: one.digest for name, one in agent.current.definitions.catalog.items()},
        )
        log.info("audit", head=agent.stores.audit.head())

    def _open_port(self) -> ApiServer | None:
        agent = self._agent
        if agent.settings.api.listen is None:
            return None
        parts = Parts(
            stores=agent.stores,
            deeds=agent.deeds,
            tokens=lambda: self._tokens,
            status=lambda: self._status("running"),
            healthy=self._is_healthy,
            alerts_arrived=self._arrived.set,
            clock=agent.clock,
        )
        server = ApiServer(make_app(parts), agent.settings.api.listen)
        try:
            server.start()
        except OpsmendError as error:
            self._complain("port", str(error))
            return None
        return server

    def _is_healthy(self) -> bool:
        silent = self._agent.clock.monotonic() - self._last_poll
        return silent < _HEALTHY_POLLS * self._agent.settings.collect.poll.total_seconds() + 1

    def _poll(self) -> None:
        self._last_poll = self._agent.clock.monotonic()
        if self._history_wanted:
            self._guarded("history", self._read_history)
        self._agent.pipeline.poll()

    def _read_history(self) -> None:
        """Read the history, at the first poll that finds a source which has one."""
        collect = self._agent.settings.collect
        wanted = Wanted(span=collect.history, step=collect.poll, seasons=collect.prometheus.seasons)
        began = self._agent.clock.monotonic()
        self._history_wanted = False
        self._history_read = {}
        try:
            self._agent.pipeline.read_history(wanted, self._note_history)
            log.info("normal is known", seconds=round(self._agent.clock.monotonic() - began, 1))
        except SourceError as error:
            self._history_wanted = error.transient
            if str(error) != self._without_history:
                log.warning("no history for now", why=str(error), again=error.transient)
            self._without_history = str(error)
        finally:
            self._history_read = None

    def _note_history(self, reached: datetime, left: timedelta) -> None:
        self._last_poll = self._agent.clock.monotonic()
        self._history_read = {"until": reached, "left_s": left.total_seconds()}
        with suppress(OSError):
            write_live_status(self._agent.settings.agent.runtime_dir, self._status("running"))

    def _take_arrivals(self) -> None:
        """Look at alerts as soon as they are in the store; they do not wait for the next poll."""
        while not self._stop:
            self._arrived.wait()
            self._arrived.clear()
            if not self._stop:
                self._guarded("alerts", self._agent.pipeline.look_at_alerts)

    def _start_feeds(self) -> None:
        agent = self._agent
        if agent.feeds and agent.stream is not None:
            agent.stream.start()
            for feed in agent.feeds:
                feed.start()

    def _stop_feeds(self) -> None:
        agent = self._agent
        if agent.feeds and agent.stream is not None:
            for feed in agent.feeds:
                feed.stop()
            agent.stream.stop()

    def _forget(self) -> None:
        now = self._agent.clock.now()
        self._agent.stores.logs.forget(now - _KEEP_COUNTS)
        self._agent.stores.events.forget(now - _KEEP_EVENTS)

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
            self._failed_at[name] = self._agent.clock.monotonic()
        else:
            # work that only reads goes well while the disk is full: wait a little before all is well
            quiet_s = self._agent.clock.monotonic() - self._failed_at.get(name, 0.0)
            if name in self._trouble and quiet_s > _QUIET_S:
                del self._trouble[name]
                log.info("works again", work=name)
        with suppress(OSError):
            write_live_status(self._agent.settings.agent.runtime_dir, self._status("running"))

    def _complain(self, name: str, why: str) -> None:
        if self._trouble.get(name) != why:
            log.error("cannot go on with this for now", work=name, why=why)
        self._trouble[name] = why
        self._failed_at[name] = self._agent.clock.monotonic()

    def _count_late(self, event: JobExecutionEvent) -> None:
        if event.job_id == "poll" and self._history_read is None:
            self._late_polls += 1
            metrics.LATE_POLLS.inc()
            log.warning("poll was late", late_polls=self._late_polls)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self._reload = True
        else:
            self._stop = True
        self._wanted.set()

    def _wait(self) -> None:
        while not self._stop:
            self._wanted.wait()
            self._wanted.clear()
            if self._reload and not self._stop:
                self._reload = False
                self._guarded("reload", self.reload)

    def _shut_down(self, server: ApiServer | None) -> None:
        log.info("asked to stop")
        notify_systemd("STOPPING=1")
        agent = self._agent
        folder = agent.settings.agent.runtime_dir
        if server is not None:
            server.stop()
        self._stop_feeds()
        agent.responder.stop()
        agent.previews.stop()
        agent.inquirer.stop()
        self._arrived.set()
        with suppress(OSError):
            write_live_status(folder, self._status("stopping"))
        self._scheduler.shutdown(wait=True)
        self._trainer.stop()
        if agent.scorer is not None:
            agent.scorer.stop()
        agent.workers.stop(agent.settings.remediate.grace)
        self._guarded("audit", lambda: self._note("agent stopped"))
        agent.source.close()
        agent.stores.close()
        with suppress(OSError):
            write_live_status(folder, self._status("stopped"))
        log.info("agent stopped")

    def _status(self, state: str) -> Mapping[str, Any]:
        agent = self._agent
        health = agent.pipeline.health
        return {
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
            "history": self._history_read,
            "series": health.series,
            "anomalies": health.anomalies,
            **self._counts(),
            "signals_failed": dict(health.failed),
            "sources": {
                feed.name: {"records": feed.records, "trouble": feed.trouble} for feed in agent.feeds
            },
            "entity_models": self._entity_models(),
            "trouble": dict(self._trouble),
        }

    def _entity_models(self) -> Mapping[str, Any] | None:
        """Return how the layer for whole entities is; None when the settings want none."""
        agent = self._agent
        if agent.entities is None or agent.scorer is None:
            return None
        found = [one for one in agent.pipeline.anomalies if one.layer == "entity"]
        found.sort(key=lambda one: -one.confidence)
        return {
            **agent.entities.status,
            "pid": agent.scorer.pid,
            "training": self._trainer.status,
            "strange": [
                {
                    "entity": one.entity,
                    "confidence": round(one.confidence, 2),
                    "text": describe_entity_anomaly(one),
                }
                for one in found[:_MOST_TOLD]
            ],
        }
