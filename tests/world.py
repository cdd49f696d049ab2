"""A cluster, its people and an agent for them: everything of the response is real but for what it reaches.

The agent's parts are those that wiring puts together: store, pipeline, rules, decider, responder, workers,
verifications. Made by hand are the outermost edges alone: the source of metrics, the steps on hosts, the
inventory, the clocks. The cluster is scraped and the agent polled when a test says so; a run's steps go on
when the test lets them, and the agent may be killed between any two of its writes.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from agent.collect import Answer, FrameBuffer, Poll
from agent.config import PolicyFile, Settings
from agent.config.rulefiles import Fault, HarmRule, Rule, Rulebook, Signal
from agent.decide import Decider, Remediation, load_catalog
from agent.diagnose import Clearance, IncidentLifecycle, RuleVoter, VotingEnsemble
from agent.errors import RunError, SourceUnreachable, StoreUnavailable
from agent.forecasting import ForecastTracker
from agent.pipeline import Pipeline
from agent.predict import Forecaster
from agent.reasons import Reason
from agent.records import (
    Arrivals,
    Incident,
    InventoryHost,
    KnownNames,
    Leftovers,
    PauseScope,
    Person,
    Run,
    RunState,
    StepOutcome,
)
from agent.remediate import Ended, PlaybookRunner
from agent.remediate.snapshot import Snapshot
from agent.response import Escalation, LatestView, OperatorActions, Previews, Workers
from agent.store import Stores, open_stores
from agent.tracking import IncidentTracker
from agent.wiring import Current, Definitions
from agent.wiring.answering import make_responder

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
MAY = ["approve", "deny", "close", "cancel", "pause", "resume", "run", "override"]
ANN, BOB = Person("ann"), Person("bob")
_PATIENCE_S = 60.0  # a busy machine may take its time; a world that is calm costs none of it

SIGNALS = [
    Signal(id="service_up", summary="s", query="service_up", role="availability", detect=False),
    Signal(id="unit_failed", summary="s", query="unit_failed", role="availability", detect=False),
]
FAULTS = [
    Fault(id="down", summary="Service down", severity="critical"),
    Fault(id="failing", summary="Service failing", severity="warning"),
]


def _rule(id_: str, fault: str, signal: str, bound: Mapping[str, float], confidence: float) -> Rule:
    when = {"signal": signal, **bound}
    return Rule.model_validate(
        {
            "id": id_,
            "fault": fault,
            "entity": "{host}",
            "confidence": confidence,
            "when": when,
            "harm": "itself",
            "evidence": "{host}",
        }
    )


RULES = [
    _rule("down", "down", "service_up", {"below": 0.5}, 0.9),
    _rule("failing", "failing", "unit_failed", {"above": 0.5}, 0.95),
]
VERIFY = {
    "settle": "10s",
    "hold": "20s",
    "within": "2m",
    "checks": [{"query": 'service_up{host="{host}"}', "equals": 1}, {"anomalies": "closed"}],
    "hopeless_when": [{"query": 'unit_failed{host="{host}"}', "equals": 1}],
}
CATALOG: dict[str, dict[str, Any]] = {
    "restart": {"fixes": ["down"], "priority": 80, "limits": {"cooldown": "30m", "per_day": 6}},
    "reinstall": {
        "fixes": ["down", "failing"],
        "priority": 20,
        "risk": "high",
        "rollback": {"playbook": "rollback.yml", "on": ["step_failed", "not_recovered", "worse"]},
        "limits": {"cooldown": "1h", "per_day": 3},
    },
}


class Killed(BaseException):
    """The agent's process is gone; whatever it was about to do, it does not."""


@dataclass
class WorldClock:
    """The agent's two clocks: one that somebody may set, and one that nobody can."""

    wall: datetime = START
    ticks_s: float = 1000.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.ticks_s

    def move(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.ticks_s += seconds


class Metrics:
    """A source of metrics that scrapes the cluster when it is told to, by a clock of its own."""

    def __init__(self, clock: WorldClock, hosts: Sequence[str]) -> None:
        self._clock = clock
        self._hosts = hosts
        self.values: dict[tuple[str, str], float] = {}
        self.scraped: dict[tuple[str, str], list[tuple[float, float]]] = {}
        self.down = False
        self.partial = ""
        self.blind: set[str] = set()
        self.hanging: threading.Event | None = None
        for host in hosts:
            self.values[("service_up", host)], self.values[("unit_failed", host)] = 1.0, 0.0

    def time(self) -> float:
        return START.timestamp() + self._clock.ticks_s - 1000.0

    def scrape(self) -> None:
        for (metric, host), value in self.values.items():
            if host not in self.blind:
                self.scraped.setdefault((metric, host), []).append((self.time(), value))

    def now(self) -> datetime:
        self._answer()
        return datetime.fromtimestamp(self.time(), UTC)

    def recording_rules(self) -> Mapping[str, Any]:
        return {}

    def with_rate_interval(self, expression: str) -> str:
        return expression

    def query(self, expression: str, at: datetime | None = None) -> Answer:
        self._answer()
        moment = at.timestamp() if at is not None else self.time()
        found = re.fullmatch(
            r'(?:(timestamp|count_over_time)\()?(\w+)\{host="(\w+)"\}(?:\[(\d+)s\])?\)?', expression
        )
        assert found, expression
        function, metric, host, _ = found.groups()
        samples = [one for one in self.scraped.get((metric, host), []) if moment - 300 < one[0] <= moment]
        if not samples:
            return Answer(moment, [], [], self.partial)
        value = samples[-1][0] if function == "timestamp" else samples[-1][1]
        return Answer(moment, [{"host": host}], [value], self.partial)

    def poll(self, queries: Mapping[str, str]) -> Poll:
        try:
            self._answer()
        except SourceUnreachable as error:
            return Poll(self._clock.now(), {}, dict.fromkeys(queries, str(error)))
        moment = self.time()
        answers, scraped = {}, {}
        for signal in queries:
            labels, values = [], []
            for host in self._hosts:
                samples = [one for one in self.scraped.get((signal, host), []) if moment - 300 < one[0]]
                if samples:
                    labels.append({"host": host, "instance": f"{host}:9100", "job": "node"})
                    values.append(samples[-1][1])
                    scraped["node", f"{host}:9100"] = samples[-1][0]
            answers[signal] = Answer(moment, labels, values, self.partial)
        return Poll(datetime.fromtimestamp(moment, UTC), answers, scraped=scraped)

    def _answer(self) -> None:
        hanging = self.hanging
        if hanging is not None:
            hanging.wait(60)
        if self.down or hanging is not None:
            raise SourceUnreachable("nobody there")


@dataclass
class Work:
    """What a worker does on hosts, held until the test says how it goes on."""

    kind: str  # steps, rollback, clean_up
    run: Run
    hosts: tuple[str, ...]
    cancel: threading.Event
    outcome: str | None = None
    go_on: threading.Event = field(default_factory=threading.Event)
    over: bool = False

    def finish(self, outcome: str) -> None:
        self.outcome = outcome
        self.go_on.set()


class HandSteps:
    """The steps of runs, as a test lets them go on; what reaches hosts is written down."""

    def __init__(self, world: World, life: int) -> None:
        self._world = world
        self._life = life

    def carry_out(self, run: Run, cancel: threading.Event) -> Run:
        refused = self._world.inventory.refusal(run)
        if refused:
            return replace(
                run,
                state=RunState.FAILED,
                reason=Reason.INVENTORY_UNAVAILABLE,
                detail=refused,
                ended_at=self._world.clock.now(),
            )
        outcome = self._work("steps", run, cancel)
        done = self._world.clock.now()
        state, reason = {
            "ok": (RunState.SUCCEEDED, Reason.STEPS_SUCCEEDED),
            "fails": (RunState.FAILED, Reason.STEP_FAILED),
            "times out": (RunState.TIMED_OUT, Reason.STEP_TIMED_OUT),
            "unreachable": (RunState.FAILED, Reason.HOST_UNREACHABLE),
            "lost": (RunState.FAILED, Reason.HOST_UNREACHABLE),
            "refused": (RunState.FAILED, Reason.PLAY_REFUSED),
            "left": (RunState.TIMED_OUT, Reason.LEFTOVERS_UNKNOWN),
            "canceled": (RunState.CANCELED, Reason.CANCELED),
        }[outcome]
        steps = (self._step(run, "go", RunState.SUCCEEDED),) if outcome in ("ok", "lost") else ()
        if outcome == "fails":
            steps = (self._step(run, "go", RunState.FAILED),)
        return replace(run, state=state, reason=reason, detail=outcome, steps=steps, ended_at=done)

    def roll_back(self, run: Run, cancel: threading.Event) -> StepOutcome:
        refused = self._world.inventory.refusal(run)
        if refused:
            failed = self._step(run, "rollback", RunState.FAILED)
            return replace(failed, reason=Reason.INVENTORY_UNAVAILABLE, detail=refused)
        outcome = self._work("rollback", run, cancel)
        state, reason = {
            "ok": (RunState.SUCCEEDED, Reason.STEPS_SUCCEEDED),
            "unreachable": (RunState.FAILED, Reason.HOST_UNREACHABLE),
            "canceled": (RunState.CANCELED, Reason.CANCELED),
        }.get(outcome, (RunState.FAILED, Reason.STEP_FAILED))
        return replace(self._step(run, "rollback", state), reason=reason)

    def end_leftovers(self, run: Run) -> Leftovers:
        refused = self._world.inventory.refusal(run)
        if refused:
            return Leftovers(unknown=refused)
        outcome = self._work("clean_up", run, threading.Event())
        return Leftovers(unknown="" if outcome == "ok" else "the host does not answer")

    def _work(self, kind: str, run: Run, cancel: threading.Event) -> str:
        work = Work(kind, run, run.plan.touched, cancel)
        self._world.begin(work)
        try:
            while not work.go_on.wait(0.002):
                if cancel.is_set():
                    work.outcome = "canceled"
                    break
                if self._world.life != self._life:
                    raise Killed
            if self._world.life != self._life:
                raise Killed
            assert work.outcome is not None
            if work.outcome == "raises":
                raise ValueError("something unforeseen")
            return work.outcome
        finally:
            work.over = True

    def _step(self, run: Run, name: str, state: RunState) -> StepOutcome:
        now = self._world.clock.now()
        reason = Reason.STEPS_SUCCEEDED if state is RunState.SUCCEEDED else Reason.STEP_FAILED
        return StepOutcome(
            name=name,
            playbook=f"{name}.yml",
            attempt=1,
            state=state,
            reason=reason,
            started_at=now,
            ended_at=now,
        )


class HandInventory:
    """The hosts as a test says."""

    def __init__(self, names: Sequence[str]) -> None:
        self.known = {
            name: InventoryHost(
                name=name, groups=frozenset({"all", "web"}), variables={}, identity=f"ssh {name} port 22"
            )
            for name in names
        }
        self.broken = False

    def hosts(self) -> Mapping[str, InventoryHost]:
        if self.broken:
            raise RunError("the inventory cannot be read")
        return dict(self.known)

    def refusal(self, run: Run) -> str:
        """Return why nothing is done on the hosts of a run, as the boundary to Ansible would."""
        if self.broken:
            return "the inventory cannot be read"
        now = {name: self.known[name].identity if name in self.known else "" for name in run.plan.identities}
        moved = [name for name, identity in run.plan.identities.items() if now[name] != identity]
        return f"{', '.join(moved)} is gone or another machine by now" if moved else ""


class _Silent:
    """A runner for previews that shows nothing."""

    def run(self, *_: Any) -> Ended:
        return Ended(state=RunState.SUCCEEDED, reason=Reason.STEPS_SUCCEEDED, output="changed: [web1]")


class _Copies:
    """Copies of remediations for previews."""

    def open(self, digest: str) -> Snapshot:
        return Snapshot(digest=digest, project=Path("/nowhere"), folder=Path("/nowhere"))


class _Quiet:
    """A detector that finds nothing strange: the faults here are told by rules."""

    def watch(self, signals: Mapping[str, Signal]) -> None:
        pass

    def observe(self, frame: Any) -> tuple[()]:
        return ()

    def learn(self, frame: Any) -> None:
        pass

    def weigh(self, said: Any, now: datetime) -> None:
        pass


def write_catalog(folder: Path, catalog: Mapping[str, Mapping[str, Any]]) -> dict[str, Remediation]:
    """Write remediations and load them as the agent does."""
    for name, fields in catalog.items():
        content = {
            "summary": "s",
            "risk": "low",
            "idempotent": True,
            "check_mode": False,
            "target": "{host}",
            "steps": [{"name": "go", "playbook": "go.yml"}],
            "verify": VERIFY,
            "rollback": {"none": "nothing"},
            **fields,
        }
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "remediation.yml").write_text(yaml.safe_dump(content))
        for playbook in ("go.yml", "rollback.yml"):
            (folder / name / playbook).write_text("[]")
    return load_catalog([folder], {fault.id: fault for fault in FAULTS})


class World:
    """One cluster, and the lives of one agent on one store."""

    def __init__(
        self,
        folder: Path,
        store: Path,
        *,
        hosts: Sequence[str] = ("web1", "web2", "web3", "web4"),
        policy: Mapping[str, Any] | None = None,
        catalog: Mapping[str, Mapping[str, Any]] | None = None,
        mode: str = "auto",
        most: int = 4,
        rules: Sequence[Rule] = RULES,
        signals: Sequence[Signal] = SIGNALS,
        harms: Sequence[HarmRule] = (),
    ) -> None:
        self.clock = WorldClock()
        self.metrics = Metrics(self.clock, hosts)
        self.inventory = HandInventory(hosts)
        self.mode = mode
        self.most = most
        self.store = store
        self.life = 0
        self.works: list[Work] = []
        self.starts: Counter[int] = Counter()  # carry_out by run
        self.failures: list[str] = []  # what a guard let through, as seen on the hosts
        self.held: list[PauseScope] = []  # what people have paused, as they know it
        self._lock = threading.Lock()
        self._writes_left: int | None = None
        self.disk_full = False
        settings = Settings.model_validate({"verify": {"interval": "1s"}, "collect": {"poll": "5s"}})
        made = write_catalog(folder, catalog or CATALOG)
        book = Rulebook(
            {one.id: one for one in signals},
            {one.id: one for one in FAULTS},
            {one.id: one.model_copy() for one in rules},  # a test may change those of its world
            harms={one.id: one for one in harms},
        )
        definitions = Definitions(book=book, catalog=made, policy=self.make_policy(policy))
        self.current = Current(settings, definitions)
        self.live()

    # --- the agent -----------------------------------------------------------------------------

    def make_policy(self, fields: Mapping[str, Any] | None = None) -> PolicyFile:
        defaults = {
            "roles": {"people": {"users": ["ann", "bob", "carol"], "may": MAY}},
            "remediations": [{"id": "everything", "mode": "auto", "canary": False}],
            "guards": {
                "storm": {"incidents": 1000},
                "flapping": {"times": 100},
                "circuit": {"failures": 100},
                "blast_radius": {"hosts": 100},
            },
        }
        return PolicyFile.model_validate({**defaults, **(fields or {})})

    def set_policy(self, **fields: Any) -> None:
        policy = self.make_policy(fields)
        with self.responder.lock:
            self.current.definitions = replace(self.current.definitions, policy=policy)

    def live(self) -> None:
        """Begin a life of the agent on the store."""
        self._living = self.life
        self.stores = open_stores(self.store)
        self._watch_writes(self.stores, self.life)
        clock = self.clock
        self.latest = LatestView(clock)
        self.workers = Workers(
            steps=HandSteps(self, self.life),  # type: ignore[arg-type]
            stores=self.stores,
            source_time=self.latest.source_time,
            clock=clock,
            most=self.most,
        )
        runner: PlaybookRunner = _Silent()  # type: ignore[assignment]
        self.previews = Previews(runner, _Copies(), self.current.catalog, self.stores.approvals)  # type: ignore[arg-type]
        decider = Decider(
            self.current.catalog,
            self.current.policy,
            self.inventory,
            self.stores.history,
            lambda: self.mode,  # type: ignore[arg-type,return-value]
        )
        escalation = Escalation(self.current.policy, lambda: ["oncall"])
        self.responder = make_responder(
            self.stores,
            self.current,
            decider,
            self.workers,
            self.previews,
            escalation,
            self.metrics,  # type: ignore[arg-type]
            self.latest,
            clock,
        )
        book = self.current.definitions.book
        self.pipeline = Pipeline(
            book=book,
            source=self.metrics,  # type: ignore[arg-type]
            buffer=FrameBuffer(book.signals, 40, 1000),
            detector=_Quiet(),
            forecasts=ForecastTracker(Forecaster(book.signals), self.stores.forecasts),
            voter=RuleVoter(book),
            ensemble=VotingEnsemble(tuple),
            lifecycle=IncidentLifecycle(book.faults, None, timedelta(seconds=30), Clearance()),
            tracker=IncidentTracker(self.stores, escalation, lambda *_: None, clock),
            stores=self.stores,
            responder=self.responder,
            latest=self.latest,
            alerts_expire=timedelta(hours=12),
            clock=clock,
            outlook=lambda now: Arrivals(now=now, read_until={"alert": now}),
        )
        self.people = OperatorActions(self.stores, self.current.policy, self.known_names, clock)

    def known_names(self) -> KnownNames:
        return KnownNames(
            hosts=sorted(self.inventory.known),
            groups=("all", "db", "web"),
            faults=sorted(self.current.book().faults),
            remediations=sorted(self.current.catalog()),
        )

    def kill(self) -> None:
        """End the agent without a word, as kill -9 does."""
        self.life += 1
        self._writes_left = None
        for work in self.works:
            work.go_on.set()
        self.workers._pool.shutdown(wait=True, cancel_futures=True)
        self.responder._outcomes._verifications._pool.shutdown(wait=True, cancel_futures=True)
        self.stores.close()

    def restart(self) -> None:
        """Kill the agent and start it anew."""
        self.kill()
        self.live()

    def kill_before_write(self, number: int) -> None:
        """Let the agent die at the beginning of its n-th write from now on, counted from 0."""
        self._writes_left = number

    def _watch_writes(self, stores: Stores, life: int) -> None:
        def before(connection: Any) -> None:
            if self.life != life:
                raise Killed
            if connection.get_execution_options().get("reading"):
                return
            if self.disk_full:
                full = sqlite3.OperationalError("database or disk is full")
                raise OperationalError("begin immediate", None, full)
            if self._writes_left is None:
                return
            self._writes_left -= 1
            if self._writes_left < 0:
                self._writes_left = None
                self.life += 1
                raise Killed

        event.listen(stores.database._engine, "begin", before, insert=True)

    def agent_does(self, what: Callable[[], object]) -> None:
        """Let the agent do something, by itself or for a person; when it dies over it, it is started again.

        While the disk is full it says so, as its jobs and its port do, and goes on.
        """
        try:
            with contextlib.suppress(Killed):
                what()
                self.calm()
        except StoreUnavailable:
            if not self.disk_full:
                raise
            self.calm()
        finally:
            if self.life != self._living:
                self.restart()

    # --- time and polls -------------------------------------------------------------------------

    def pass_time(self, seconds: float, step: float = 5.0) -> None:
        """Let time go by: scrapes, polls and turns as they come, and wait for what they set off."""
        while seconds > 0:
            self.clock.move(min(step, seconds))
            seconds -= step
            self.metrics.scrape()
            self.poll()
            self.agent_does(self._deliver)

    def _deliver(self) -> None:
        for message in self.stores.notifications.due(self.clock.now()):
            self.stores.notifications.settle(message, "sent")

    def poll(self) -> None:
        self.agent_does(self.pipeline.poll)

    def turn(self) -> None:
        self.agent_does(self.responder.turn)

    def until(self, holds: Callable[[], object], seconds: float = 600.0, step: float = 5.0) -> None:
        """Let time go by until something holds."""
        passed = 0.0
        while not holds():
            assert passed < seconds, f"not within {seconds:.0f} s: {self.describe()}"
            self.pass_time(step, step)
            passed += step

    def calm(self) -> None:
        """Wait until every thread of the agent has done what it can, and waits for us or for nothing."""
        deadline = time.monotonic() + _PATIENCE_S
        while self.life == self._living and not self._is_calm():
            assert time.monotonic() < deadline, f"never calm: {self.describe()}"
            time.sleep(0.001)

    def _is_calm(self) -> bool:
        held = [work for work in self.at_work() if not work.cancel.is_set()]
        looking = _active(self.responder._outcomes._verifications._pool)
        hanging = self.metrics.hanging is not None
        return _active(self.workers._pool) == len(held) and (hanging or not looking)

    # --- the cluster ----------------------------------------------------------------------------

    def break_host(self, host: str, metric: str = "service_up") -> None:
        self.metrics.values[metric, host] = 0.0 if metric == "service_up" else 1.0

    def mend_host(self, host: str) -> None:
        self.metrics.values["service_up", host], self.metrics.values["unit_failed", host] = 1.0, 0.0

    def begin(self, work: Work) -> None:
        """Note what a worker begins on hosts, and what must not have let it."""
        with self._lock:
            busy = {host for other in self.works if not other.over for host in other.hosts}
            if work.kind != "clean_up" and busy & set(work.hosts):
                self.failures.append(f"{work.kind} of run {work.run.id} beside another on {work.hosts}")
            if work.kind == "steps":
                self.starts[work.run.id] += 1
                if self.starts[work.run.id] > 1:
                    self.failures.append(f"run {work.run.id} was started twice")
            held = [pause for pause in self.held if pause.holds(work.run.plan)]
            if work.kind != "clean_up" and held:
                self.failures.append(f"{work.kind} of run {work.run.id} began while it was paused")
            self.works.append(work)

    def at_work(self, kind: str | None = None) -> list[Work]:
        """Return what is held on hosts now."""
        found = [work for work in self.works if not work.over and not work.go_on.is_set()]
        return [work for work in found if kind in (None, work.kind)]

    def finish(self, outcome: str = "ok", mend: bool = False, kind: str | None = None) -> None:
        """Let everything that is held go on, and its report be taken up."""
        for work in self.at_work(kind):
            if mend:
                for host in work.hosts:
                    self.mend_host(host)
            work.finish(outcome)
        self.agent_does(self.calm)
        self.turn()

    # --- what tests look at ---------------------------------------------------------------------

    @property
    def incidents(self) -> list[Incident]:
        return list(reversed(self.stores.incidents.list(limit=1000)))

    def runs(self, incident_id: int = 1) -> list[Run]:
        return self.stores.runs.of_incident(incident_id)

    def messages(self, kind: str | None = None) -> list[str]:
        """Return the kinds of all messages that were put up, or those of one kind."""
        kinds = [
            one.kind
            for incident in self.incidents
            for one in self.stores.notifications.of_incident(incident.id)
            if one.state != "dropped"
        ]
        return [one for one in kinds if kind in (None, one)]

    def locked(self) -> frozenset[str]:
        return self.stores.history.busy_hosts()

    def describe(self) -> str:
        rows = [
            (one.id, one.entity, str(one.state), str(one.reason), one.detail, one.symptomatic)
            for one in self.incidents
        ]
        runs = [
            (run.id, str(run.phase), str(run.state), str(run.verdict), str(run.verdict_reason))
            for incident in self.incidents
            for run in self.runs(incident.id)
        ]
        works = [(work.kind, work.run.id, work.over, work.outcome) for work in self.works[-5:]]
        return f"{rows} {runs} {works}"


def _active(pool: ThreadPoolExecutor) -> int:
    """Return how many threads of a pool have something to do."""
    return len(pool._threads) - pool._idle_semaphore._value


@contextlib.contextmanager
def alive(*arguments: Any, **options: Any) -> Iterator[World]:
    """Yield a world whose agent is ended at the end."""
    hook = threading.excepthook
    threading.excepthook = lambda told: None if told.exc_type is Killed else hook(told)
    world = World(*arguments, **options)
    try:
        yield world
    finally:
        world.kill()
        threading.excepthook = hook
