"""Makes the records that tests need; every argument has a plain default."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from agent.collect import Answer, FrameBuffer, Poll
from agent.collect.seriesfile import parse_series
from agent.config.remediationfile import RemediationFile
from agent.config.rulefiles import Rule, Rulebook, Signal
from agent.decide import Remediation
from agent.decide.ordering import outcomes
from agent.records import (
    Anomaly,
    Candidate,
    Diagnosis,
    Frame,
    Harm,
    Incident,
    InventoryHost,
    Plan,
    Run,
    Symptom,
    Trial,
)
from agent.records.autonomy import AutonomyStep
from agent.records.evidence import ChangeEvent, Edge, LogEntry, Observations, SeriesTable

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def signal(id_: str = "up", **fields: Any) -> Signal:
    return Signal(**{"id": id_, "summary": "s", "query": "up", "role": "availability", **fields})


def rule(when: Mapping[str, Any], **fields: Any) -> Rule:
    defaults = {"id": "r", "fault": "down", "entity": "{host}", "confidence": 0.9, "evidence": "seen"}
    return Rule.model_validate({**defaults, "when": when, **fields})


def book(signals: Sequence[Signal], rules: Sequence[Rule]) -> Rulebook:
    return Rulebook({one.id: one for one in signals}, {}, {one.id: one for one in rules})


def frame(
    series: Mapping[tuple[str, str], Sequence[float]],
    step_s: float = 15.0,
    answered: Sequence[str] | None = None,
    at: datetime = NOW,
) -> Frame:
    """Make a frame from ``{("free", "host=web1 mountpoint=/"): [0.5, 0.4, nan]}``, oldest first."""
    signals = {id_: signal(id_) for id_, _ in series}
    length = max((len(values) for values in series.values()), default=1)
    buffer = FrameBuffer(signals, max(length, 1), 10_000)
    result: Frame | None = None
    for column in range(length):
        answers: dict[str, Answer] = {id_: Answer(0, [], []) for id_ in signals}
        for (id_, labels), values in series.items():
            if not np.isnan(values[column]):
                known = answers[id_]
                pairs = dict(pair.split("=", 1) for pair in labels.split())
                answers[id_] = Answer(0, [*known.labels, pairs], [*known.values, values[column]])
        last = column == length - 1
        if last and answered is not None:
            answers = {id_: answer for id_, answer in answers.items() if id_ in answered}
        then = datetime.fromtimestamp(at.timestamp() - (length - 1 - column) * step_s, UTC)
        result = buffer.add(Poll(then, answers))
    assert result is not None
    return result


def symptom(source: str = "up", **fields: Any) -> Symptom:
    defaults = {"kind": "threshold", "entity": "web1", "text": "t", "since": NOW, "labels": {"host": "web1"}}
    return Symptom(**{"source": source, **defaults, **fields})


def candidate(fault: str = "down", entity: str = "web1", **fields: Any) -> Candidate:
    defaults = {
        "confidence": 0.9,
        "voters": {"rule r": 0.9},
        "evidence": ("seen",),
        "symptoms": (symptom(),),
        "labels": {"host": "web1"},
        "harm": Harm(seen=("customers wait",)),
    }
    return Candidate(fault=fault, entity=entity, **{**defaults, **fields})


def anomaly(signal: str = "up", **fields: Any) -> Anomaly:
    defaults = {
        "entity": "web1",
        "labels": {"instance": "web1:80"},
        "kind": "level_shift",
        "score": 2.0,
        "confidence": 0.95,
        "opened_at": NOW,
        "since": NOW,
        "observed": 5.0,
        "expected_low": 1.0,
        "expected_high": 2.0,
        "query": 'up{instance="web1:80"}',
    }
    return Anomaly(signal=signal, **{**defaults, **fields})


def incident(*candidates: Candidate, **fields: Any) -> Incident:
    chosen = candidates or (candidate(),)
    best = chosen[0]
    defaults: dict[str, Any] = {
        "entity": best.entity,
        "host": best.labels.get("host", ""),
        "fault": best.fault,
        "title": "t",
        "opened_at": NOW,
        "updated_at": NOW,
        "last_seen_at": NOW,
        "diagnosis": Diagnosis(candidates=tuple(chosen)),
    }
    return Incident(**{**defaults, **fields})


def plan(**fields: Any) -> Plan:
    defaults: dict[str, Any] = {
        "remediation": "restart",
        "digest": "d",
        "fault": "down",
        "entity": "web1",
        "confidence": 0.9,
        "hosts": ("web1",),
        "parameters": {"unit": "nginx.service"},
        "labels": {"host": "web1"},
    }
    hosts = fields.get("hosts", defaults["hosts"])
    defaults["identities"] = {name: f"ssh {name} port 22" for name in hosts}
    return Plan(**{**defaults, **fields})


def run(**fields: Any) -> Run:
    return Run(**{"incident_id": 1, "plan": plan(), "created_at": NOW, "actor": "opsmend", **fields})


def host(name: str = "web1", *groups: str, **variables: Any) -> InventoryHost:
    address = variables.get("ansible_host", name)
    return InventoryHost(
        name=name,
        groups=frozenset(groups or ("all",)),
        variables=variables,
        identity=f"ssh {address} port 22",
        connection=variables.get("ansible_connection", "ssh"),
        address=address,
        port=int(variables.get("ansible_port", 0)),
    )


REMEDIATION: Mapping[str, Any] = {
    "summary": "s",
    "fixes": ["down"],
    "risk": "low",
    "idempotent": True,
    "target": "{host}",
    "steps": [{"name": "go", "playbook": "playbook.yml"}],
    "verify": {
        "settle": "10s",
        "hold": "30s",
        "within": "5m",
        "checks": [{"query": 'up{host="{host}"}', "equals": 1}],
    },
    "rollback": {"none": "nothing to undo"},
}


def remediation_file(**fields: Any) -> RemediationFile:
    return RemediationFile.model_validate({**REMEDIATION, **fields})


def remediation(name: str = "restart", **fields: Any) -> Remediation:
    return Remediation(name, Path("/nowhere") / name, remediation_file(**fields), "d")


def trial(healed: bool | None = None, minutes_ago: float = 1.0, **fields: Any) -> Trial:
    """Make a run as guards look back on it; one that healed nothing nor failed is under way."""
    judged_at = NOW - timedelta(minutes=minutes_ago)
    defaults: dict[str, Any] = {
        "run_id": 1,
        "fault": "down",
        "digest": "d",
        "machines": frozenset({"other"}),
        "groups": frozenset(),
        "healed": healed,
        "judged_at": judged_at if healed is not None else None,
        "under_way": healed is None,
    }
    return Trial(**{**defaults, **fields})


class Past:
    """A history as guards ask it, made by hand."""

    def __init__(
        self,
        *,
        starts: Mapping[str, Sequence[datetime]] | None = None,
        busy: Sequence[str] = (),
        troubled: Sequence[str] = (),
        touched: Mapping[str, datetime] | None = None,
        opened: Sequence[datetime] = (),
        recoveries: int = 0,
        trials: Sequence[Trial] = (),
        outcomes: Mapping[str, tuple[int, int]] | None = None,
        steps: Sequence[AutonomyStep] = (),
    ) -> None:
        self.starts = starts or {}
        self.busy = frozenset(busy)
        self.troubled = frozenset(troubled)
        self.touched = touched or {}
        self.opened = opened
        self.recoveries = recoveries
        self.tried = trials
        self.outcomes = outcomes or {}
        self.steps = steps

    def last_start(self, plan: Plan, identity: str, leaving_out: Collection[int] = ()) -> datetime | None:
        known = enumerate(self.starts.get(plan.remediation, []), 1)  # the first is run 1
        return max((at for number, at in known if number not in leaving_out), default=None)

    def starts_since(self, remediation: str, identity: str, since: datetime) -> Sequence[datetime]:
        return sorted(start for start in self.starts.get(remediation, []) if start >= since)

    def touched_since(self, since: datetime) -> Mapping[str, datetime]:
        return {machine: at for machine, at in self.touched.items() if at >= since}

    def busy_hosts(self) -> frozenset[str]:
        return self.busy

    def troubled_hosts(self) -> frozenset[str]:
        return self.troubled

    def openings_since(self, since: datetime) -> Sequence[datetime]:
        return sorted(at for at in self.opened if at >= since)

    def recoveries_since(self, fault: str, entity: str, since: datetime) -> int:
        return self.recoveries

    def autonomy(self, remediation: str, fault: str) -> Sequence[AutonomyStep]:
        return self.steps

    def trials(self, remediation: str) -> Sequence[Trial]:
        good, all_ = self.outcomes.get(remediation, (0, 0))
        old = [trial(number < good, 10_000.0 + number) for number in range(all_)]
        return [*self.tried, *old]


def success(history: Any, remediation: str, fault: str) -> tuple[int, int]:
    """Return how often a remediation healed a fault for good, and how often it was tried for it."""
    done = outcomes(history.trials(remediation), fault)
    return sum(done), len(done)


def observations(series: Mapping[str, Sequence[float]], step_s: float = 60.0, **fields: Any) -> Observations:
    """Make an incident from ``{'errors{service="cart"}': [0, 0, 1]}``; edges as ``("front", "cart")``."""
    parsed = [parse_series(name) for name in series]
    length = max((len(values) for values in series.values()), default=0)
    table = SeriesTable(
        times=NOW.timestamp() + np.arange(length) * step_s,
        names=[name for name, _ in parsed],
        entities=[labels.get("service", name) for name, labels in parsed],
        labels=[labels for _, labels in parsed],
        values=np.array([list(values) for values in series.values()], dtype=float).reshape(
            len(series), length
        ),
    )
    edges = [Edge(source=one, target=other) for one, other in fields.pop("edges", ())]
    logs = [
        LogEntry(at=NOW.timestamp() + at, entity=entity, level=level, message=message)
        for at, entity, level, message in fields.pop("logs", ())
    ]
    events = [
        ChangeEvent(at=NOW.timestamp() + at, kind=kind, entity=entity, message=kind)
        for at, kind, entity in fields.pop("events", ())
    ]
    return Observations(table=table, edges=edges, logs=logs, events=events, **fields)


def course(level: float, peak: float, begin: int = 30, length: int = 60, noise: float = 0.02) -> list[float]:
    """Make a series that is at a level until it jumps to a peak; the same numbers give the same noise."""
    rng = np.random.default_rng(round(level * 1000 + peak * 7 + begin))
    values = np.where(np.arange(length) >= begin, peak, level) * (1 + rng.normal(0, noise, length))
    return [float(value) for value in values]
