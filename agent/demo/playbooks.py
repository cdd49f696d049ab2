"""Playbooks of ours in, test hosts in the state that they describe out."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from agent.demo.hosts import OPERATOR, Cluster
from agent.errors import RunError
from agent.remediate.environment import ansible_environment
from agent.remediate.snapshot import ROLES

_TIMEOUT_S = 300


def write_inventory(
    cluster: Cluster, hosts: Mapping[str, object], variables: Mapping[str, object] | None = None
) -> None:
    """Write the inventory of a cluster's hosts, each with its variables, for the agent and for playbooks."""
    common = {
        "ansible_user": OPERATOR,
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_ssh_common_args": f"-F {cluster.ssh_config.resolve()}",
        **(variables or {}),
    }
    file = _inventory(cluster)
    file.parent.mkdir(exist_ok=True)
    file.write_text(yaml.safe_dump({"all": {"hosts": dict(hosts), "vars": common}}))


def play(
    cluster: Cluster,
    playbook: Path,
    roles: Iterable[Path],
    limit: str | None = None,
    variables: Mapping[str, object] | None = None,
) -> str:
    """Run a playbook against the hosts of a cluster and return what Ansible said. Raises RunError."""
    command = ["ansible-playbook", "-i", str(_inventory(cluster)), str(playbook)]
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
        timeout=_TIMEOUT_S,
    )
    if done.returncode != 0:
        raise RunError(f"{playbook.name} failed:\n{done.stdout[-4000:]}{done.stderr[-2000:]}")
    return done.stdout


def _inventory(cluster: Cluster) -> Path:
    return cluster.folder / "inventory" / "hosts.yml"
