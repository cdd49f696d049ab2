"""A scenario in, its hosts in good health out; and Ansible playbooks of ours run against them."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from agent.demo.hosts import OPERATOR, Cluster, Host
from agent.errors import RunError
from agent.remediate.environment import ansible_environment
from agent.remediate.snapshot import ROLES
from agent.workshop.scenario import TARGET, Scenario

_PLAYBOOK_TIMEOUT_S = 300


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


def write_inventory(cluster: Cluster, scenario: Scenario) -> Path:
    """Write the inventory of a scenario's hosts, for the agent and for playbooks of ours."""
    common = {
        "ansible_user": OPERATOR,
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_ssh_common_args": f"-F {cluster.ssh_config.resolve()}",
        **scenario.group_variables.get("all", {}),
    }
    hosts: dict[str, Any] = {
        platform.name: scenario.host_variables.get(platform.name, {}) for platform in scenario.platforms
    }
    file = cluster.folder / "inventory" / "hosts.yml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(yaml.safe_dump({"all": {"hosts": hosts, "vars": common}}))
    return file


def make_healthy(cluster: Cluster, scenario: Scenario, roles: Iterable[Path]) -> None:
    """Bring all hosts of a scenario into the state of good days."""
    play(cluster, scenario.folder / "healthy.yml", roles)


def break_target(cluster: Cluster, scenario: Scenario, roles: Iterable[Path]) -> None:
    """Break the target as the scenario does it."""
    play(cluster, scenario.folder / "prepare.yml", roles, limit=TARGET)


def prove_healed(cluster: Cluster, scenario: Scenario, roles: Iterable[Path]) -> None:
    """Let the scenario look at the target fact by fact. Raises RunError when one does not hold."""
    play(cluster, scenario.folder / "verify.yml", roles, limit=TARGET)


def play(
    cluster: Cluster,
    playbook: Path,
    roles: Iterable[Path],
    limit: str | None = None,
    variables: Mapping[str, object] | None = None,
) -> str:
    """Run a playbook against the hosts of a cluster and return what Ansible said. Raises RunError."""
    command = ["ansible-playbook", "-i", str(cluster.folder / "inventory" / "hosts.yml"), str(playbook)]
    command += ["--limit", limit] if limit else []
    command += ["--extra-vars", json.dumps(variables)] if variables else []
    environment = ansible_environment(search={ROLES: roles}, sockets=(cluster.folder / "cp").resolve())
    done = subprocess.run(
        command,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=_PLAYBOOK_TIMEOUT_S,
    )
    if done.returncode != 0:
        raise RunError(f"{playbook.name} failed:\n{done.stdout[-4000:]}{done.stderr[-2000:]}")
    return done.stdout
