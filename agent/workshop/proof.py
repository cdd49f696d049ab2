"""A scenario in, whether the running agent finds its fault, heals it and proves it out.

The agent is told nothing: it sees the site through Prometheus alone, with every stock rule in force.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from agent.clock import SystemClock
from agent.config import load_settings
from agent.demo.cluster import start_agent, stop_agent
from agent.demo.hosts import Cluster
from agent.demo.image import node_image
from agent.demo.snapshot import HostState, differences, take
from agent.errors import RunError
from agent.livestatus import read_live_status
from agent.records import Incident, IncidentState, Run, RunState
from agent.response import OperatorActions, Person
from agent.store import Stores, open_stores
from agent.wiring import make_operator_actions
from agent.workshop.hosts import break_target, prove_healed, site_name
from agent.workshop.places import Places
from agent.workshop.scenario import TARGET, Scenario
from agent.workshop.site import build_site, write_settings

_QUIET_POLLS = 8  # that a healthy site is watched for before it is broken
_TIMEOUT_S = 300
_LOOK_EVERY_S = 0.3

_APPROVER = Person("root")  # whom the stock policy lets approve

Tell = Callable[[str], None]


@dataclass(kw_only=True)
class Proof:
    """What came of it; ``wrong`` is empty when all is good. Times are seconds from the first blow."""

    remediation: str
    fault: str = ""
    found: float | None = None
    diagnosis: str = ""
    confidence: float | None = None
    chosen: str = ""
    asked: bool = False
    done: float | None = None
    verified: float | None = None
    ended: str = ""
    wrong: list[str] = field(default_factory=list)


def prove(scenario: Scenario, places: Places, folder: Path, tell: Tell) -> Proof:
    """Build a site for a scenario, let an agent watch it, break it, and look what happens."""
    cluster = Cluster(site_name(scenario), folder, node_image(tell, scenario.packages))
    with cluster:
        tell("building the site")
        url = build_site(cluster, scenario, places, tell)
        config = write_settings(cluster, url, places)
        before = take(host for name, host in cluster.hosts.items() if name in _bystanders(scenario))
        agent = start_agent(cluster, config, tell)
        try:
            settings = load_settings(config)
            stores = open_stores(settings.database)
            operator_actions = make_operator_actions(settings, stores, SystemClock())
            try:
                proof = _break_and_watch(cluster, scenario, places, stores, operator_actions, tell)
            finally:
                stores.close()
        finally:
            stop_agent(agent)
        # without the agent, which goes on acting: a drained server is returned in time
        return _look_at_hosts(proof, cluster, scenario, places, before, tell)


def _break_and_watch(
    cluster: Cluster,
    scenario: Scenario,
    places: Places,
    stores: Stores,
    operator_actions: OperatorActions,
    tell: Tell,
) -> Proof:
    proof = Proof(remediation=scenario.remediation, fault=scenario.target.fault or "")
    _wait_for_polls(cluster, tell)
    proof.wrong += [f"found in a healthy site: {one.title}" for one in stores.incidents.list(limit=20)]
    tell("breaking the target")
    injected_at = datetime.now(UTC)
    break_target(cluster, scenario, places.roles)
    incident = _watch(proof, stores, operator_actions, injected_at, tell)
    _judge(proof, scenario, incident, stores)
    return proof


def _look_at_hosts(
    proof: Proof,
    cluster: Cluster,
    scenario: Scenario,
    places: Places,
    before: dict[str, HostState],
    tell: Tell,
) -> Proof:
    """Add to a proof what the hosts themselves say: the target is well, and nobody else was touched."""
    if not proof.wrong and scenario.target.ends == "recovered":
        tell("looking at the target fact by fact")
        try:
            prove_healed(cluster, scenario, places.roles)
        except RunError as error:
            proof.wrong.append(str(error))
    proof.wrong += _touched(cluster, scenario, before)
    return proof


def _watch(
    proof: Proof, stores: Stores, operator_actions: OperatorActions, injected_at: datetime, tell: Tell
) -> Incident | None:
    """Follow the first incident until it is settled, or time is over; say yes where the policy asks."""
    deadline = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < deadline:
        incidents = [one for one in stores.incidents.list(limit=50) if one.opened_at >= injected_at]
        mine = next((one for one in reversed(incidents) if one.host == TARGET), None)
        if mine is not None:
            runs = stores.runs.of_incident(mine.id)
            _fill(proof, mine, runs, injected_at)
            tell(f"{mine.fault}: {mine.state.value.replace('_', ' ')}")
            if mine.state.settled:
                return mine
            if mine.state is IncidentState.AWAITING_APPROVAL and not proof.asked:
                operator_actions.vote(mine.id, True, _APPROVER, "as on-call would")
                proof.asked = True
        else:
            tell("waiting until it is found")
        time.sleep(_LOOK_EVERY_S)
    return None


def _fill(proof: Proof, incident: Incident, runs: list[Run], injected_at: datetime) -> None:
    proof.found = (incident.opened_at - injected_at).total_seconds()
    proof.ended = incident.state.value
    if incident.best is not None:
        proof.diagnosis = incident.best.fault
        proof.confidence = incident.best.confidence
    if runs:
        last = runs[-1]
        proof.chosen = last.plan.remediation
        proof.diagnosis = last.plan.fault
        if last.ended_at is not None and last.state is RunState.SUCCEEDED:
            proof.done = (last.ended_at - injected_at).total_seconds()
        if last.verified_at is not None:
            proof.verified = (last.verified_at - injected_at).total_seconds()


def _judge(proof: Proof, scenario: Scenario, incident: Incident | None, stores: Stores) -> None:
    if incident is None:
        proof.wrong.append(f"not settled within {_TIMEOUT_S} s" if proof.ended else "not found")
        return
    runs = stores.runs.of_incident(incident.id)
    if proof.ended != scenario.target.ends:
        why = incident.reason.text if incident.reason else ""
        proof.wrong.append(f"ended {proof.ended}: {why} {incident.detail}".rstrip())
    if proof.diagnosis != proof.fault:
        proof.wrong.append(f"it is {proof.fault}, the agent says {proof.diagnosis or 'nothing'}")
    if [run.plan.remediation for run in runs] != [scenario.remediation]:
        chosen = ", ".join(run.plan.remediation for run in runs) or "nothing"
        proof.wrong.append(f"ran {chosen} instead of {scenario.remediation} alone")
    true_too = {(platform.name, fault) for platform in scenario.platforms for fault in platform.also}
    others = [one for one in stores.incidents.list(limit=50) if one.id != incident.id]
    proof.wrong += [f"also found: {one.title}" for one in others if (one.host, one.fault) not in true_too]


def _wait_for_polls(cluster: Cluster, tell: Tell) -> None:
    first: int | None = None
    deadline = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < deadline:
        tell("watching the healthy site")
        status = read_live_status(cluster.folder / "run")
        if status:
            first = status["polls"] if first is None else first
            if status["polls"] >= first + _QUIET_POLLS:
                return
        time.sleep(_LOOK_EVERY_S)
    raise RunError(f"the agent does not poll; see {cluster.folder / 'agent.log'}")


def _bystanders(scenario: Scenario) -> list[str]:
    return [platform.name for platform in scenario.platforms if platform.name != TARGET]


def _touched(cluster: Cluster, scenario: Scenario, before: dict[str, HostState]) -> list[str]:
    after = take(cluster.hosts[name] for name in before)
    allowed = {one.name: [*one.may_change, *one.restless] for one in scenario.platforms}
    return [f"touched: {line}" for line in differences(before, after, allowed)]
