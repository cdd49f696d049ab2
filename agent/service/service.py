"""The agent as a process: scheduled polls and turns, what arrives in between, reload, an orderly end."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from socket import socket

from agent import __version__, metrics
from agent.background.trainer import Trainer
from agent.decide.policy import groups_of
from agent.log import Logger
from agent.process import caught_signals, notify_systemd
from agent.reported import ReportedSymptoms
from agent.response import person_of
from agent.response.token_actions import TokenActions
from agent.service.jobs import Jobs
from agent.service.ownmetrics import OwnMetrics
from agent.service.polling import Polling
from agent.service.reloading import Reloader
from agent.service.responsetimes import ResponseTimes
from agent.service.self_watch import SelfWatch
from agent.service.selfreport import SelfReport
from agent.service.watchdog import Watchdog
from agent.store.audit import STARTED, STOPPED
from agent.store.retention import Retention
from agent.web.access.issued import Credentials
from agent.web.access.tokensfile import FileTokens, load_tokens
from agent.web.app import make_app
from agent.web.parts import Parts
from agent.web.server import ApiServer, start_servers
from agent.wiring import Agent, Announcer, Definitions

log = Logger("service")

_TICK = timedelta(seconds=1)
_DELIVER = timedelta(seconds=5)
_WATCH = timedelta(seconds=5)
_EXPIRE = timedelta(minutes=1)
_METADATA = timedelta(hours=1)
_FORGET = timedelta(hours=1)
_JUDGE = timedelta(minutes=1)
_FAILURES = timedelta(minutes=15)
_TRAINING = timedelta(seconds=15)
_LOOK = timedelta(seconds=10)
_KEEP_STATE = timedelta(minutes=5)
_TURN_WITHIN_S = 45.0  # also on a slow disk, and while somebody else holds the store
_POLL_SPARE_S = 30.0  # for all that a poll does beside asking the source
_CANCELS = timedelta(seconds=0.5)
_LEAVE_S = 10.0  # of the stop, for what waits for a source that hangs
_LAST_WAIT_S = 1.0  # after that, for a poll whose source still hangs
_AHEAD = 0.8  # of the refresh time: the inventory is read again before the old answer runs out


class Service:
    """Runs one agent until it is told to stop."""

    def __init__(self, agent: Agent, config: Path) -> None:
        self._agent = agent
        self._config = config
        tokens = load_tokens(agent.settings.api.tokens_file)
        self._credentials = Credentials(agent.stores.tokens, agent.stores.database, tokens)
        self._stop = False
        self._arrived = threading.Event()
        self._arrivals = threading.Thread(target=self._take_arrivals, name="arrivals", daemon=True)
        self._reload_asked = threading.Event()
        self._reloads = threading.Thread(target=self._take_reloads, name="reloads", daemon=True)
        self._kept: Definitions | None = None
        self._trainer = Trainer(agent.settings, config, agent.clock)
        self._report = SelfReport(agent, self._trainer)
        self._polling = Polling(agent.pipeline, agent.settings, agent.clock, self._report.write)
        self._jobs = Jobs(agent.clock, self._report.write, self._note_late)
        self._reloader = Reloader(agent, config, self._use_tokens, self._note_reload)
        self._self_watch = SelfWatch(
            self._report.needs,
            agent.own_trouble_messages,
            lambda: agent.current.settings.notify.trouble_after,
            agent.clock,
        )
        self._report.connect(self._jobs, self._polling, self._reloader, self._self_watch)
        self._response_times = ResponseTimes(agent.stores)
        self._watchdog = Watchdog(agent.clock.monotonic)

    def run(self) -> None:
        """Work until SIGTERM or SIGINT, then stop in order; SIGHUP loads rules and remediations anew.

        Whoever calls holds the lock on the state folder.
        """
        own_metrics = OwnMetrics(self._agent, self._jobs)
        metrics.REGISTRY.register(own_metrics)
        with caught_signals() as signals:
            self._say_started()
            self._jobs.guarded("tidying", self._agent.tidy)
            servers = self._start_servers()
            self._arrivals.start()
            self._reloads.start()
            self._start_feeds()
            self._schedule_all()
            self._watch_loops()
            self._jobs.start()
            notify_systemd("READY=1")
            self._wait(signals)
            self._shut_down(servers)

    def reload(self) -> None:
        """Load settings, rules, policy, remediations and tokens anew; a mistake keeps what is in force."""
        notify_systemd(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            self._reloader.reload()
        finally:
            self._report.write()
            notify_systemd("READY=1")

    def _note_reload(self) -> None:
        agent = self._agent
        self._jobs.guarded("in force", self._keep_in_force)
        self._jobs.guarded("audit", lambda: self._note("reloaded"))
        log.info(
            "configuration reloaded",
            mode=agent.settings.agent.mode,
            rules=len(agent.current.definitions.book.rules),
            restart=list(self._reloader.pending.restart) or None,
            **self._report.counts(),
        )

    def _use_tokens(self, tokens: FileTokens) -> None:
        self._credentials.provisioned = tokens

    def _schedule_all(self) -> None:
        agent, schedule = self._agent, self._jobs.schedule
        settings = agent.settings
        schedule("poll", settings.collect.poll, self._poll)
        schedule("turn", min(_TICK, settings.collect.poll), self._turn)
        schedule("cancels", _CANCELS, agent.responder.heed_cancels)
        schedule("in force", _EXPIRE, self._keep_in_force)
        schedule("inventory", settings.decide.inventory_refresh * _AHEAD, agent.ansible.inventory.refresh)
        schedule("messages", _DELIVER, agent.notifier.deliver)
        schedule("needs", _WATCH, self._self_watch.look)
        for announcer in agent.announcers:
            schedule(announcer.name, _DELIVER, partial(self._announce, announcer))
        schedule("alerts", _EXPIRE, agent.pipeline.expire_alerts)
        schedule("forget", _FORGET, self._forget)
        schedule("feedback", _JUDGE, agent.learned.teachings.judge)
        schedule("response times", _DELIVER, self._response_times.observe)
        schedule("tokens", _EXPIRE, self._credentials.keep_uses)
        schedule("settings", _LOOK, self._reloader.look)
        schedule("training", _TRAINING, self._trainer.turn)
        if agent.failures is not None:
            schedule("failures", _FAILURES, agent.failures.look)
        schedule("detection", _KEEP_STATE, self._keep_state)
        schedule("metadata", _METADATA, agent.pipeline.read_metadata)
        schedule("topology", settings.collect.topology.refresh, agent.read_topology)

    def _keep_state(self, longest_s: float = -1) -> None:
        self._agent.pipeline.keep_state(self._agent.detection, longest_s)

    def _say_started(self) -> None:
        settings = self._agent.settings
        self._jobs.guarded("audit", lambda: self._note(STARTED))
        log.info(
            "agent started",
            version=__version__,
            mode=settings.agent.mode,
            **self._report.counts(),
            rules=len(self._agent.current.definitions.book.rules),
            poll_s=settings.collect.poll.total_seconds(),
        )

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

    def _start_servers(self) -> list[ApiServer]:
        agent = self._agent
        parts = Parts(
            current=agent.current,
            stores=agent.stores,
            operator_actions=agent.operator_actions,
            alerts=agent.alerts,
            diagnose=ReportedSymptoms(agent.pipeline, agent.current.book, agent.clock).diagnose,
            token_actions=TokenActions(agent.stores, agent.operator_actions, agent.clock),
            explain=agent.explainer.explain,
            status=self._report.status,
            anomalies=lambda: agent.pipeline.anomalies,
            charts=agent.charts.of,
            trainer=self._trainer,
            readiness=self._report.readiness,
            own_trouble=lambda: self._report.own_trouble,
            alerts_arrived=self._arrived.set,
            groups_of=groups_of,
            person_of=person_of,
            clock=agent.clock,
        )
        self._app = make_app(parts, agent.settings.api, self._credentials)
        return start_servers(
            self._app,
            agent.settings,
            self._jobs.complain,
            lambda: self._credentials.any_valid(agent.clock.now()),
        )

    def _poll(self) -> None:
        try:
            self._polling.poll(self._jobs.guarded)
        finally:
            self._watchdog.turned("poll")

    def _turn(self) -> None:
        try:
            self._agent.responder.turn()
        finally:
            self._watchdog.turned("turn")

    def _watch_loops(self) -> None:
        collect = self._agent.settings.collect
        # of one query: asked twice where the connection broke, and the same to see whether anybody is there
        query_s = 4 * collect.prometheus.timeout.total_seconds()
        self._watchdog.watch("poll", collect.poll.total_seconds() + query_s + _POLL_SPARE_S)
        self._watchdog.watch("turn", _TURN_WITHIN_S)
        self._agent.source.on_answer = partial(self._watchdog.turned, "poll")

    def _note_late(self, job: str) -> None:
        if job == "poll":
            self._polling.count_late()

    def _announce(self, announcer: Announcer) -> None:
        announcer.announce(self._agent.pipeline.anomalies)

    def _take_arrivals(self) -> None:
        """Look at alerts as soon as they are in the store; they do not wait for the next poll."""
        while not self._stop:
            self._arrived.wait()
            self._arrived.clear()
            if not self._stop:
                self._jobs.guarded("alerts", self._agent.pipeline.look_at_alerts)

    def _start_feeds(self) -> None:
        agent = self._agent
        if agent.feeds and agent.stream is not None:
            agent.stream.start()
            for feed in agent.feeds:
                feed.start()

    def _stop_feeds(self) -> None:
        agent = self._agent
        if agent.feeds and agent.stream is not None:
            _together([feed.stop for feed in agent.feeds])
            agent.stream.stop()

    def _forget(self) -> None:
        agent = self._agent
        retention = Retention(agent.stores.database, agent.stores.audit, agent.settings.audit_folder)
        gone = retention.forget(agent.settings.retention, agent.clock.now())
        if gone:
            log.info("old records forgotten", **gone)

    def _keep_in_force(self) -> None:
        definitions = self._agent.current.definitions
        if self._kept is not definitions:
            self._agent.keep_in_force()
            self._kept = definitions

    def _take_reloads(self) -> None:
        """Reload when asked to, beside the main thread: a poll under way may hold it up."""
        while not self._stop:
            self._reload_asked.wait()
            self._reload_asked.clear()
            if not self._stop:
                self._jobs.guarded("reload", self.reload)

    def _wait(self, signals: socket) -> None:
        while not self._stop:
            if signals.recv(1)[0] == signal.SIGHUP:
                self._reload_asked.set()
            else:
                self._stop = True

    def _shut_down(self, servers: list[ApiServer]) -> None:
        log.info("asked to stop")
        notify_systemd("STOPPING=1")
        agent = self._agent
        self._app.state.streams.end()
        agent.responder.stop()
        # from here on a running step has its grace time, whatever a source does meanwhile
        workers = threading.Thread(target=agent.workers.stop, args=(agent.settings.remediate.grace,))
        workers.start()
        self._arrived.set()
        self._reload_asked.set()
        self._report.write("stopping")
        stops = [self._stop_feeds, agent.previews.stop, agent.investigator.stop, self._jobs.stop]
        _together([*(server.stop for server in servers), *stops])
        self._self_watch.stop()
        self._jobs.guarded("detection", partial(self._keep_state, _LAST_WAIT_S))
        self._trainer.stop()
        agent.scorer.stop()
        workers.join()
        self._jobs.guarded("audit", lambda: self._note(STOPPED))
        agent.source.close()
        agent.ansible.inventory.close()
        for announcer in agent.announcers:
            announcer.close()
        agent.stores.close()
        self._report.write("stopped")
        log.info("agent stopped")


def _together(stops: Sequence[Callable[[], None]]) -> None:
    """Stop several parts side by side, and wait no longer than makes sense for what hangs."""
    threads = [threading.Thread(target=stop, daemon=True) for stop in stops]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + _LEAVE_S
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
