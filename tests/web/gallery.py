"""An agent's pages over a real store that holds an incident in every state; the metrics are drawn by rule.

``python -m tests.web.gallery FOLDER`` serves it until it is stopped, and prints its address and a token.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from fastapi import FastAPI

from agent.background.trainer import Trainer
from agent.charts import IncidentCharts
from agent.clock import SystemClock
from agent.collect.base import Range
from agent.config import load_settings
from agent.reasons import Reason
from agent.records import (
    Anomaly,
    Attribution,
    Candidate,
    CheckResult,
    Diagnosis,
    Incident,
    IncidentState,
    Option,
    Plan,
    Run,
    RunPhase,
    RunState,
    StepOutcome,
    Symptom,
    TaskEvent,
    Verdict,
)
from agent.records.failures import FailureWord
from agent.records.forecasts import Exhaustion, Forecast, ForecastState, Remaining
from agent.records.investigations import Investigation
from agent.records.tokens import Scope
from agent.reported import ReportedSymptoms
from agent.response import OperatorActions, Person
from agent.response.token_actions import TokenActions
from agent.store import ask_approval, begin_run, end_approval, save_incident, save_run
from agent.stream import AlertIntake
from agent.web.access.issued import Credentials
from agent.web.access.tokensfile import FileTokens
from agent.web.app import make_app
from agent.web.listeners import listen_on_port
from agent.web.parts import Parts
from agent.web.server import ApiServer
from agent.wiring import build
from agent.wiring.definitions import Current, load_definitions
from agent.wiring.parts import make_known_names

ROOT = Path(__file__).resolve().parents[2]
_NO_LIMITS = {"per_caller": 100_000, "per_address": 100_000, "failures": 10_000}
PEOPLE = {"ann": "oncall", "bob": "oncall", "eve": None}


class DrawnMetrics:
    """A source whose series fall when an incident begins and come back later."""

    def __init__(self, clock: SystemClock) -> None:
        self._clock = clock

    def query_range(self, expression: str, start: datetime, end: datetime, step: timedelta) -> Range:
        times = []
        at = start
        while at <= end:
            times.append(at.timestamp())
            at += step
        fell = start.timestamp() + 45 * 60
        if "filesystem" in expression or "avail" in expression:
            values = [_disk(t, fell) for t in times]
        else:
            values = [1.0 if t < fell or t > fell + 600 else 0.0 for t in times]
        return Range(times, [{"instance": "web1:9100"}], [values])


def _disk(at: float, fell: float) -> float | None:
    if fell - 900 < at < fell - 800:
        return None
    before = 0.31 + 0.02 * math.sin(at / 300)
    return before if at < fell - 600 else max(0.01, before - (at - fell + 600) / 2500)


class Gallery:
    """The store, the people, and the running server."""

    def __init__(self, folder: Path, limits: Mapping[str, float] | None = None, **api: Any) -> None:
        self.folder = folder
        self.clock = SystemClock()
        self.now = self.clock.now()
        settings = {
            "agent": {"name": "shop", "state_dir": str(folder), "runtime_dir": str(folder / "run")},
            "collect": {"prometheus": {"url": "http://127.0.0.1:9"}},
            "paths": {
                "rules": [str(ROOT / "rules"), str(folder / "rules")],
                "playbooks": str(ROOT / "playbooks"),
                "inventory": str(ROOT / "inventories" / "example"),
            },
            "api": {"limits": limits or _NO_LIMITS, **api},
        }
        self._write("opsmend.yml", settings)
        policy = yaml.safe_load((ROOT / "rules" / "policy.yml").read_text())
        may = ["approve", "deny", "close", "cancel", "pause", "resume", "run", "feedback"]
        policy["roles"]["oncall"] = {"users": ["lisa"], "groups": ["sre"], "may": may}
        policy["roles"]["chief"] = {"users": ["root", "chief"], "may": ["administer"]}
        self._write("rules/policy.yml", policy)
        self.settings = load_settings(folder / "opsmend.yml", {})
        self.current = Current(self.settings, load_definitions(self.settings))
        self.agent = build(self.settings, self.current.definitions)
        self.stores = self.agent.stores
        self.trainer = Trainer(self.settings, folder / "opsmend.yml", self.clock)
        self.anomalies: Sequence[Anomaly] = ()
        self.trouble: dict[str, str] = {}
        self.operator_actions = OperatorActions(
            self.stores,
            self.current.policy,
            make_known_names(self.current, self.agent.ansible.inventory),
            self.clock,
        )
        actions = TokenActions(self.stores, self.operator_actions, self.clock)
        self.credentials = Credentials(self.stores.tokens, self.stores.database, FileTokens())
        chief = Person("chief")
        self.tokens = {
            name: actions.issue(chief, name, Scope.DECIDE, role)[1] for name, role in PEOPLE.items()
        }
        self.tokens["onlooker"] = actions.issue(chief, "onlooker", Scope.LOOK)[1]
        self.tokens["chief"] = actions.issue(chief, "chief", Scope.ADMIN)[1]
        self.tokens["alertmanager"] = actions.issue(chief, "alertmanager", Scope.ALERT, "source")[1]

    def app(self) -> FastAPI:
        """Return the application, as the agent makes it."""
        parts = Parts(
            current=self.current,
            stores=self.stores,
            operator_actions=self.operator_actions,
            token_actions=TokenActions(self.stores, self.operator_actions, self.clock),
            alerts=AlertIntake(self.stores.alerts, (), DrawnMetrics(self.clock)),
            diagnose=ReportedSymptoms(self.agent.pipeline, self.current.book, self.clock).diagnose,
            explain=self.agent.explainer.explain,
            status=self._status,
            anomalies=lambda: self.anomalies,
            charts=IncidentCharts(
                DrawnMetrics(self.clock), self.current.book, lambda: self.anomalies, self.clock
            ).of,
            trainer=self.trainer,
            readiness=lambda: {"polls": "", "store": "", **self.trouble},
            own_trouble=lambda: "",
            alerts_arrived=lambda: None,
            groups_of=lambda name: frozenset(),
            person_of=lambda uid, pid: Person(str(uid)),
            clock=self.clock,
        )
        return make_app(parts, self.settings.api, self.credentials)

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve the pages; yields the address."""
        listener = listen_on_port("127.0.0.1:0")
        server = ApiServer(self.app(), "port", "gallery", listener)
        server.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.stop()

    def fill(self) -> dict[str, int]:
        """Put an incident in every state into the store; return their numbers by name."""
        _forecast(self, "db1:/var", timedelta(minutes=95))
        came = _forecast(self, "db2:/var", timedelta(hours=2))
        self.stores.forecasts.end(came, ForecastState.CAME, self.now - timedelta(minutes=40))
        unknown = {("web7", timedelta(hours=6))}
        self.stores.failures.keep([_failure(self.now)], [], [], self.now, unknown)
        self.anomalies = tuple(_anomalies(self.now))
        return dict(_fill(self))

    def awaiting(self) -> Incident:
        """Put up an incident that asks for approval."""
        return _awaiting(self, self.clock.now() - timedelta(minutes=12))

    def ask_again(self, incident_id: int) -> None:
        """Ask anew about an incident: the request that was open is withdrawn."""
        best = self.stores.incidents.get(incident_id).best
        assert best is not None
        with self.stores.transaction() as connection:
            ask_approval(
                connection,
                incident_id,
                _plan(self, best, unit="other.service"),
                needed=1,
                asker="opsmend",
                now=self.clock.now(),
                expires_at=self.clock.now() + timedelta(hours=1),
                seen=self.stores.approvals.newest(incident_id),
            )

    def open(self, incident: Incident) -> Incident:
        return self.stores.incidents.add(incident, "opsmend")

    def move(
        self, incident: Incident, state: IncidentState, reason: Reason | None, **fields: Any
    ) -> Incident:
        fields.setdefault("updated_at", self.now)
        return self.stores.incidents.save(replace(incident, state=state, reason=reason, **fields), "opsmend")

    def ask(self, incident: Incident, plan: Plan, needed: int = 1, left_min: float = 48) -> None:
        at = self.now + timedelta(minutes=left_min)
        with self.stores.transaction() as connection:
            ask_approval(
                connection, incident.id, plan, needed=needed, asker="opsmend", seen=None,
                now=incident.opened_at + timedelta(seconds=8), expires_at=at,
            )  # fmt: skip

    def _write(self, name: str, content: Any) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(content, sort_keys=False))

    def _status(self) -> Mapping[str, Any]:
        return {
            "name": "shop", "mode": "approve", "started_at": self.now - timedelta(days=12),
            "polled_at": self.clock.now() - timedelta(seconds=4), "series": 1234, "signals_failed": {},
            "anomalies": len(self.anomalies), "trouble": {},
            "entity_models": {
                "models": 42, "note": "", "strange": [], "training": {"state": "trained", "models": 42},
            },
        }  # fmt: skip


def _symptom(source: str, entity: str, text: str, since: datetime, labels: Mapping[str, str]) -> Symptom:
    return Symptom(kind="threshold", source=source, entity=entity, text=text, since=since, labels=labels)


def _service_down(since: datetime, host: str = "web1", unit: str = "nginx.service") -> Candidate:
    labels = {"instance": f"{host}:9100", "host": host, "name": unit, "unit": unit, "state": "active"}
    return Candidate(
        fault="service_down",
        entity=f"{host}/{unit}",
        confidence=0.95,
        voters={"rule service_down_by_unit": 0.95},
        evidence=(f"{unit} on {host} is not active",),
        symptoms=(
            _symptom("unit_active", f"{host}/{unit}", "unit_active is 0, below 0.5", since, labels),
            _symptom("probe_success", f"{host}/{unit}", "probe_success is 0, below 0.5", since, labels),
        ),
        labels=labels,
        support=(f"requests of {host} are 0; 80 to 140 would be normal",),
    )


def _disk_full(since: datetime, host: str = "db1") -> Candidate:
    labels = {"instance": f"{host}:9100", "host": host, "mountpoint": "/var", "device": "/dev/sda2"}
    return Candidate(
        fault="disk_full",
        entity=f"{host}:/var",
        confidence=0.97,
        voters={"rule disk_full_by_space": 0.95, "rule disk_full_by_logs": 0.9},
        evidence=(f"/var on {host} has 1.2 % left", "12 log lines say “No space left on device”"),
        symptoms=(
            _symptom("filesystem_free_ratio", f"{host}:/var", "free is 0.012, below 0.05", since, labels),
        ),
        labels=labels,
    )


def _incident(best: Candidate, title: str, opened_at: datetime, *more: Candidate) -> Incident:
    return Incident(
        entity=best.entity,
        host=best.labels.get("host", ""),
        fault=best.fault,
        title=title,
        opened_at=opened_at,
        updated_at=opened_at,
        last_seen_at=opened_at,
        diagnosis=Diagnosis(candidates=(best, *more)),
        options=(
            Option(remediation="restart_service", score=0.91, note="healed it 11 of 12 times"),
            Option(remediation="recover_hung_service", score=0.4, note="never tried here"),
        ),
    )


def _plan(gallery: Gallery, best: Candidate, name: str = "restart_service", **parameters: Any) -> Plan:
    catalog = gallery.current.catalog()
    return Plan(
        remediation=name,
        digest=catalog[name].digest,
        fault=best.fault,
        entity=best.entity,
        confidence=best.confidence,
        hosts=(best.labels["host"],),
        parameters=parameters,
        labels=best.labels,
    )


def _forecast(gallery: Gallery, entity: str, left: timedelta) -> Forecast:
    at = gallery.now - timedelta(hours=3)
    remaining = Remaining(at=at, left=left, low=left * 0.8, high=left * 1.3)
    found = Exhaustion(
        signal="filesystem_free_ratio",
        entity=entity,
        labels={"mountpoint": "/var"},
        value=0.12,
        began=at - timedelta(hours=5),
        remaining=remaining,
    )
    return gallery.stores.forecasts.add(found)


def _failure(now: datetime) -> FailureWord:
    return FailureWord(
        host="db1", horizon=timedelta(hours=6), probability=0.41, base=0.021, training="20260105T030000Z",
        at=now - timedelta(minutes=20), because=("off:queue_length", "alerts:6h"),
    )  # fmt: skip


def _anomalies(now: datetime) -> Iterator[Anomaly]:
    since = now - timedelta(minutes=14)
    labels = {"instance": "db1:9100", "mountpoint": "/var"}
    yield Anomaly(
        entity="db1:/var", signal="filesystem_free_ratio", labels=labels, kind="level_shift", score=41.0,
        confidence=0.97, opened_at=since + timedelta(minutes=1), since=since, observed=0.012,
        expected_low=0.28, expected_high=0.33, contributors=("disk_write_bytes_rate",),
        query='node_filesystem_avail_bytes{instance="db1:9100",mountpoint="/var"}',
    )  # fmt: skip
    yield Anomaly(
        entity="web2", signal="node_load", labels={"instance": "web2:9100"}, kind="missing_data", score=3.0,
        confidence=0.71, opened_at=now - timedelta(minutes=3), since=now - timedelta(minutes=4),
        observed=math.nan, expected_low=0.4, expected_high=1.9, query='node_load1{instance="web2:9100"}',
    )  # fmt: skip


def _fill(gallery: Gallery) -> Iterator[tuple[str, int]]:
    now = gallery.now
    yield "recovered", _recovered(gallery, now - timedelta(hours=3)).id
    yield "cleared", _cleared(gallery, now - timedelta(hours=7)).id
    yield "denied", _denied(gallery, now - timedelta(hours=2)).id
    yield "expired", _expired(gallery, now - timedelta(hours=2, minutes=30)).id
    yield "escalated", _escalated(gallery, now - timedelta(minutes=52)).id
    taken = _escalated(gallery, now - timedelta(minutes=31), "db2")
    gallery.operator_actions.acknowledge(taken.id, Person("bob", frozenset({"sre"})))
    yield "taken", taken.id
    yield "held", _held(gallery, now - timedelta(minutes=9)).id
    yield "remediating", _remediating(gallery, now - timedelta(seconds=70)).id
    yield "awaiting", _awaiting(gallery, now - timedelta(minutes=12)).id


def _link(effect: str, trouble: str, cause: str, share: float) -> dict[str, Any]:
    why = f"{effect} calls {cause}, which fails alike"
    return {"effect": [effect, trouble], "cause": [cause, "errors"], "share": share, "why": why}


def _awaiting(gallery: Gallery, at: datetime) -> Incident:
    best = _service_down(at)
    incident = gallery.open(_incident(best, "A service is down: web1/nginx.service", at))
    plan = _plan(gallery, best, unit="nginx.service")
    gallery.ask(incident, plan)
    newest = gallery.stores.approvals.newest(incident.id)
    assert newest is not None
    gallery.stores.approvals.set_preview(
        newest.id,
        "# step restart\nTASK [service : Restart nginx.service] ****\nchanged: [web1]\n\n"
        "PLAY RECAP ****\nweb1 : ok=3 changed=1 unreachable=0 failed=0",
    )
    report = {
        "summary": "web1/nginx.service is the likeliest cause; lb only shows it.",
        "root_causes": [
            {
                "entity": "web1/nginx.service",
                "score": 0.82,
                "evidence": ["it was strange 14 s before lb", "its log says “bind() to 0.0.0.0:80 failed”"],
                "against": ["web2 had a short peak too"],
                "path": "web1/nginx.service ──► lb/haproxy.service ──► shop",
            }
        ],
        "graph": {
            "nodes": [
                {"entity": name, "trouble": trouble}
                for name, trouble in (
                    ("web1/nginx.service", "errors"),
                    ("lb/haproxy.service", "errors"),
                    ("lb/haproxy.service", "latency"),
                    ("shop", "errors"),
                    ("mail.example.org:9100/postfix@outgoing.service", "drought"),
                    ("payments", "latency"),
                )
            ],
            "edges": [
                _link("lb/haproxy.service", "errors", "web1/nginx.service", 0.86),
                _link("shop", "errors", "lb/haproxy.service", 0.9),
                _link("mail.example.org:9100/postfix@outgoing.service", "drought", "shop", 0.4),
                _link("payments", "latency", "lb/haproxy.service", 0.22),
                _link("web1/nginx.service", "errors", "shop", 0.06),
            ],
        },
    }
    gallery.stores.investigations.keep(Investigation(incident_id=incident.id, at=at, report=report))
    return gallery.move(
        incident, IncidentState.AWAITING_APPROVAL, Reason.APPROVAL_NEEDED,
        updated_at=at + timedelta(seconds=8),
        detail="restart_service on web1 (unit=nginx.service), by rule the_rest_asks of the policy",
    )  # fmt: skip


def _run(gallery: Gallery, incident: Incident, best: Candidate, at: datetime, **fields: Any) -> Run:
    plan = _plan(gallery, best, unit=best.labels.get("unit", "nginx.service"))
    run = Run(incident_id=incident.id, plan=plan, created_at=at, actor="ann")
    with gallery.stores.transaction() as connection:
        kept = begin_run(connection, run, "opsmend")
        started = replace(kept, phase=RunPhase.RUNNING, state=RunState.RUNNING, started_at=at)
        save_run(connection, started, RunPhase.INTENDED, at, "opsmend", "run started", {})
    for seconds, task, status in (
        (1, "Look at the unit", "ok"),
        (2, "Restart nginx.service", "changed"),
        (4, "Wait until it answers", "started"),
    ):
        event = TaskEvent(
            at=at + timedelta(seconds=seconds),
            step="restart",
            host=best.labels["host"],
            task=task,
            status=status,
        )
        gallery.stores.runs.write_event(kept.id, event)
    return replace(started, **fields)


def _remediating(gallery: Gallery, at: datetime) -> Incident:
    best = _service_down(at, "web2", "php-fpm.service")
    incident = gallery.open(_incident(best, "A service is down: web2/php-fpm.service", at))
    _run(gallery, incident, best, at + timedelta(seconds=20))
    return gallery.move(gallery.stores.incidents.get(incident.id), IncidentState.REMEDIATING, Reason.ALLOWED)


def _recovered(gallery: Gallery, at: datetime) -> Incident:
    best = _service_down(at, "web3", "redis.service")
    incident = gallery.open(_incident(best, "A service is down: web3/redis.service", at))
    began = at + timedelta(seconds=22)
    run = _run(gallery, incident, best, began)
    ended = began + timedelta(seconds=6)
    outcome = StepOutcome(
        name="restart", playbook="playbook.yml", attempt=1, state=RunState.SUCCEEDED,
        reason=Reason.STEPS_SUCCEEDED, started_at=began, ended_at=ended, changed=("web3",),
    )  # fmt: skip
    gallery.stores.runs.write_step(run.id, outcome)
    over = ended + timedelta(seconds=66)
    checks = (CheckResult(text="unit_active equals 1", holds=True, before=0.0, after=1.0, since=ended),)
    judged = replace(
        run, phase=RunPhase.OVER, state=RunState.SUCCEEDED, reason=Reason.STEPS_SUCCEEDED, ended_at=ended,
        verified_at=over,
        verdict=Verdict.RECOVERED, verdict_reason=Reason.CHECKS_HELD, checks=checks,
        attribution=Attribution(sure=0.97, text="such faults went away by themselves once in 30 times"),
    )  # fmt: skip
    latest = gallery.stores.incidents.get(incident.id)
    final = replace(
        latest, state=IncidentState.RECOVERED, reason=Reason.CHECKS_HELD, updated_at=over, closed_at=over,
        symptomatic=False,
    )  # fmt: skip
    with gallery.stores.transaction() as connection:
        save_run(connection, judged, RunPhase.RUNNING, over, "opsmend", "run judged", {})
        return save_incident(connection, final, "opsmend")


def _cleared(gallery: Gallery, at: datetime) -> Incident:
    best = _service_down(at, "web1", "cron.service")
    incident = gallery.open(_incident(best, "A service is down: web1/cron.service", at))
    over = at + timedelta(minutes=3)
    return gallery.move(
        incident, IncidentState.CLEARED, Reason.SYMPTOMS_GONE, closed_at=over, symptomatic=False
    )


def _denied(gallery: Gallery, at: datetime) -> Incident:
    best = _disk_full(at, "db2")
    incident = gallery.open(_incident(best, "A file system is full: db2:/var", at))
    gallery.ask(incident, _plan(gallery, best, "free_disk_space", mountpoint="/var"))
    waiting = gallery.move(incident, IncidentState.AWAITING_APPROVAL, Reason.APPROVAL_NEEDED)
    gallery.stores.approvals.vote(
        waiting.id, Person("bob"), False, "the backup is writing there, wait for it", gallery.now
    )
    return gallery.move(
        waiting, IncidentState.ESCALATED, Reason.DENIED, detail="bob: the backup is writing there"
    )


def _expired(gallery: Gallery, at: datetime) -> Incident:
    best = _disk_full(at, "db3")
    incident = gallery.open(_incident(best, "A file system is full: db3:/var", at))
    gallery.ask(incident, _plan(gallery, best, "free_disk_space", mountpoint="/var"), left_min=-80)
    waiting = gallery.move(incident, IncidentState.AWAITING_APPROVAL, Reason.APPROVAL_NEEDED)
    newest = gallery.stores.approvals.newest(waiting.id)
    assert newest is not None
    with gallery.stores.transaction() as connection:
        end_approval(connection, newest, "expired", gallery.now, "opsmend")
    return gallery.move(waiting, IncidentState.ESCALATED, Reason.APPROVAL_EXPIRED)


def _escalated(gallery: Gallery, at: datetime, host: str = "db1") -> Incident:
    best = _disk_full(at, host)
    incident = gallery.open(_incident(best, f"A file system is full: {host}:/var", at))
    return gallery.move(
        incident, IncidentState.ESCALATED, Reason.REMEDIATIONS_EXHAUSTED, detail="tried: free_disk_space"
    )


def _held(gallery: Gallery, at: datetime) -> Incident:
    best = _service_down(at, "app1", "worker.service")
    incident = gallery.open(_incident(best, "A service is down: app1/worker.service", at))
    return gallery.move(
        incident, IncidentState.HELD, Reason.MAINTENANCE_WINDOW, detail="patching, until 2026-11-28 06:00 UTC"
    )


if __name__ == "__main__":
    made = Gallery(Path(sys.argv[1]))
    made.fill()
    with made.serving() as url:
        print(url, made.tokens["ann"], flush=True)
        threading.Event().wait()
