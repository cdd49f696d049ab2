"""``make test-live``: faults on real hosts, alone and two at once, and whether the agent names each right.

The agent is told nothing and touches nothing (mode observe): it sees the site through Prometheus, with the
stock rules. A fault is named right when the host has one incident, whose diagnosis was this fault from the
first moment on, and no other host has any. Beside that it is told which anomalies opened on the host since;
to a site that is watched for less than half an hour nothing is rare, ``--watch MINUTES`` is how long it is
watched before the first fault. ``--healthy MINUTES`` goes the other way: load, deploys, reboots,
scale-downs, jobs that end by design, and hard work (compile, backup, video, index build, vacuum, upgrade),
before an agent that may act (mode auto). Nothing is repaired, and nothing is called a fault but a host that
is gone while it reboots.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.cli.agentapi import agent_api
from agent.config import load_settings
from agent.demo.cluster import start_agent, stop_agent
from agent.demo.hosts import Cluster
from agent.demo.image import node_image
from agent.records import Incident
from agent.store import Stores, open_stores
from agent.workshop.places import Places
from tests.acceptance.live.faults import ROUNDS, LiveFault
from tests.acceptance.live.healthy import live_on, start_jobs, start_load
from tests.acceptance.live.honest import PACKAGES
from tests.acceptance.live.site import build, wait_for, write_settings
from tests.bench.table import show

ROOT = Path(__file__).resolve().parents[3]
SHARE = 19 / 20
_SETTLE_S = 5.0  # after the fault was named: does it stay, does anything else come?
_STRANGE_S = 25.0  # after that, where anomalies can be expected: a dozen polls
_SHOWN = 3  # anomalies of a fault
_CLEAR_S = 60.0
_QUIET_S = 15.0
# what is true while a host reboots: it is gone, and the balancer sends it nothing
_TRUE = {("host_down", "shop2"), ("host_down", "db2"), ("balancer_server_down", "lb")}
_LOOKING_ONLY = {"collect_diagnostics"}


@dataclass(kw_only=True)
class Outcome:
    """One injection and what the agent said of it: the diagnoses of each incident, in their order."""

    fault: LiveFault
    together: bool
    by_incident: dict[int, list[str]] = field(default_factory=dict)
    confidence: float | None = None
    seconds: float | None = None
    wrong: list[str] = field(default_factory=list)
    strange: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def said(self) -> list[list[str]]:
        """Return what was said of each incident, the first one first."""
        return [self.by_incident[number] for number in sorted(self.by_incident)]

    @property
    def anomalies(self) -> str:
        """Return the anomalies that opened on the host since, the surest first."""
        some = sorted(self.strange.values(), key=lambda one: -one["confidence"])
        told = [f"{one['signal']} {one['kind']} {one['confidence']:.2f}" for one in some[:_SHOWN]]
        return ", ".join([*told, *([f"{len(some) - _SHOWN} more"] if len(some) > _SHOWN else [])])


def main() -> None:
    """Run the trial, or the healthy hour."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--healthy", type=float, metavar="MINUTES", help="no faults, but what goes on every day"
    )
    parser.add_argument("--only", nargs="*", default=[], help="faults to inject; default all")
    parser.add_argument(
        "--watch", type=float, default=0, metavar="MINUTES", help="before the first fault; anomalies take 35"
    )
    options = parser.parse_args()
    # an ordinary exit, so that what was made is removed again
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    passed = _healthy(options.healthy) if options.healthy else _trial(options.only, options.watch)
    sys.exit(0 if passed else 1)


@contextmanager
def _watched_site(
    scrape: str, poll: str, scale: float, mode: str = "observe"
) -> Iterator[tuple[Cluster, Stores]]:
    places = Places(rules=[ROOT / "rules"], playbooks=[ROOT / "playbooks"])
    with tempfile.TemporaryDirectory(prefix="opsmend-live-") as name:
        cluster = Cluster(f"opsmend-live-{os.getpid()}", Path(name), node_image(_tell, PACKAGES))
        with cluster:
            _tell("building the site")
            url = build(cluster, places, scrape, host_metrics_s=1 if scale < 1 else 15)
            config = write_settings(cluster, url, places, poll, scale, mode)
            agent = start_agent(cluster, config)
            stores = open_stores(load_settings(config).database)
            try:
                yield cluster, stores
            finally:
                stores.close()
                stop_agent(agent)


def _trial(only: Sequence[str], watched: float) -> bool:
    rounds = [one for one in ROUNDS if not only or any(fault.fault in only for fault in one)]
    outcomes: list[Outcome] = []
    with _watched_site("2s", "2s", 0.1) as (cluster, stores):
        time.sleep(max(watched * 60, _QUIET_S))
        for number, faults in enumerate(rounds, 1):
            _tell(f"{number} of {len(rounds)}: {' and '.join(f'{f.fault} on {f.host}' for f in faults)}")
            outcomes += _inject(cluster, stores, faults, _STRANGE_S if watched else 0.0)
    right = sum(not one.wrong for one in outcomes)
    show(
        f"{right} of {len(outcomes)} faults named right, "
        f"{sum(bool(one.strange) for one in outcomes)} seen as an anomaly beside",
        ["injected", "on", "two at once", "named", "confidence", "after", "what was wrong", "anomalies"],
        [
            (
                one.fault.fault,
                one.fault.host,
                "yes" if one.together else "",
                "; ".join(" then ".join(names) for names in one.said) or "-",
                "-" if one.confidence is None else f"{one.confidence:.2f}",
                "-" if one.seconds is None else f"{one.seconds:.1f} s",
                "; ".join(one.wrong),
                one.anomalies or "none",
            )
            for one in outcomes
        ],
    )
    return right >= SHARE * len(outcomes)


def _inject(cluster: Cluster, stores: Stores, faults: Sequence[LiveFault], strange_s: float) -> list[Outcome]:
    outcomes = [Outcome(fault=fault, together=len(faults) > 1) for fault in faults]
    known = {one.id for one in stores.incidents.list(limit=1000)}
    begun: dict[str, datetime] = {}
    for fault in faults:
        begun[fault.place] = datetime.now(UTC)
        fault.inject(cluster.hosts[fault.host])
    try:
        _watch(stores, known, outcomes, begun)
        _look_for_anomalies(cluster, outcomes, begun, strange_s)
    finally:
        for fault in faults:
            fault.cure(cluster.hosts[fault.host])
    _judge([one for one in stores.incidents.list(limit=1000) if one.id not in known], outcomes)
    _wait_until_clear(stores)
    return outcomes


def _watch(stores: Stores, known: set[int], outcomes: Sequence[Outcome], begun: dict[str, datetime]) -> None:
    deadline = time.monotonic() + max(one.fault.within_s for one in outcomes)
    settled: float | None = None
    while time.monotonic() < deadline and (settled is None or time.monotonic() < settled):
        new = [one for one in stores.incidents.list(limit=50) if one.id not in known]
        for outcome in outcomes:
            for incident in new:
                if incident.host == outcome.fault.place:
                    _hear(outcome, incident, begun[outcome.fault.place])
        if settled is None and all([one.fault.fault] in one.said for one in outcomes):
            settled = time.monotonic() + _SETTLE_S
        time.sleep(0.2)


def _look_for_anomalies(
    cluster: Cluster, outcomes: Sequence[Outcome], begun: Mapping[str, datetime], at_most_s: float
) -> None:
    """Note the anomalies that opened on the hosts since the faults; wait a while for one on each."""
    api = agent_api(cluster.folder.resolve() / "opsmend.yml")
    deadline = time.monotonic() + at_most_s
    while True:
        for one in api.get("/api/v1/anomalies"):
            for outcome in outcomes:
                place = outcome.fault.place
                opened = datetime.fromisoformat(one["opened_at"])
                if place in (one["entity"], one["labels"].get("host")) and opened >= begun[place]:
                    outcome.strange[one["id"]] = one
        if all(one.strange for one in outcomes) or time.monotonic() >= deadline:
            return
        time.sleep(1)


def _hear(outcome: Outcome, incident: Incident, begun: datetime) -> None:
    named, said = incident.fault or "unknown", outcome.by_incident.setdefault(incident.id, [])
    if said[-1:] != [named]:
        said.append(named)
    outcome.confidence = incident.best.confidence if incident.best else None
    if outcome.seconds is None:
        outcome.seconds = (incident.opened_at - begun).total_seconds()


def _judge(new: Sequence[Incident], outcomes: Sequence[Outcome]) -> None:
    places = [one.fault.place for one in outcomes]
    for outcome in outcomes:
        mine = [one for one in new if one.host == outcome.fault.place]
        if not mine:
            outcome.wrong.append("not found")
        if len(mine) > 1:
            outcome.wrong.append(f"{len(mine)} incidents")
        elif outcome.said != [[outcome.fault.fault]]:
            outcome.wrong.append("named otherwise")
        others = sorted(f"{one.fault} on {one.host}" for one in new if one.host not in places)
        outcome.wrong += [f"also {', '.join(others)}"] if others else []


def _wait_until_clear(stores: Stores) -> None:
    def clear() -> bool:
        return not [one for one in stores.incidents.active() if one.symptomatic]

    try:
        wait_for(clear, _CLEAR_S, "not cleared")
    except TimeoutError:
        _tell(f"still there: {[one.title for one in stores.incidents.active() if one.symptomatic]}")
    time.sleep(2)


def _healthy(minutes: float) -> bool:
    """A busy day at the product's own pace: scraped every 5 s, polled every 15 s, rules unscaled."""
    with _watched_site("5s", "15s", 1.0, mode="auto") as (cluster, stores):
        start_load(cluster)
        start_jobs(cluster)
        begun = time.monotonic()
        done = live_on(cluster, begun + minutes * 60, _tell)
        found = stores.incidents.list(limit=1000)
        runs = {one.id: [run.plan.remediation for run in stores.runs.of_incident(one.id)] for one in found}
    lasted = (time.monotonic() - begun) / 60
    repairs = sum(name not in _LOOKING_ONLY for names in runs.values() for name in names)
    wrong = [one for one in found if (one.fault, one.host) not in _TRUE]
    show(
        f"{lasted:.0f} minutes of load, {done} deploys, reboots and other changes: "
        f"{repairs} repairs, {len(wrong)} diagnoses of healthy things, {len(found) - len(wrong)} of reboots",
        ["opened", "what", "run", "why"],
        [
            (
                f"{one.opened_at:%H:%M:%S}",
                one.title,
                ", ".join(runs[one.id]) or "-",
                "; ".join(one.best.evidence) if one.best else "",
            )
            for one in found
        ],
    )
    return not wrong and not repairs


def _tell(what: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {what}", flush=True)


if __name__ == "__main__":
    main()
