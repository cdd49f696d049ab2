"""A scenario in, its hosts in good health out; and Ansible playbooks of ours run against them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from agent.demo.hosts import Cluster, Host
from agent.demo.playbooks import play, write_inventory
from agent.workshop.scenario import TARGET, Scenario


def cluster_name(scenario: Scenario) -> str:
    """Return a name for the hosts of a scenario, another one for each checkout."""
    place = hashlib.sha256(str(scenario.folder.resolve()).encode()).hexdigest()[:8]
    return f"opsmend-molecule-{scenario.remediation.replace('_', '-')}-{place}"


def site_name(scenario: Scenario) -> str:
    """Return a name for the hosts on which a running agent meets a scenario."""
    return f"{cluster_name(scenario)}-site"


def host_of(cluster: str, name: str) -> Host:
    """Return a host that another process started, for commands on it."""
    return Host(name, f"{cluster}-{name}", "")


def write_scenario_inventory(cluster: Cluster, scenario: Scenario) -> None:
    """Write the inventory of a scenario's hosts, for the agent and for playbooks of ours."""
    names = (platform.name for platform in scenario.platforms)
    hosts = {name: scenario.host_variables.get(name, {}) for name in names}
    write_inventory(cluster, hosts, scenario.group_variables.get("all", {}))


def make_healthy(cluster: Cluster, scenario: Scenario, roles: Iterable[Path]) -> None:
    """Bring all hosts of a scenario into the state of good days."""
    play(cluster, scenario.folder / "healthy.yml", roles)


def break_target(cluster: Cluster, scenario: Scenario, roles: Iterable[Path]) -> None:
    """Break the target as the scenario does it."""
    play(cluster, scenario.folder / "prepare.yml", roles, limit=TARGET)


def prove_healed(cluster: Cluster, scenario: Scenario, roles: Iterable[Path]) -> None:
    """Let the scenario look at the target fact by fact. Raises RunError when one does not hold."""
    play(cluster, scenario.folder / "verify.yml", roles, limit=TARGET)
