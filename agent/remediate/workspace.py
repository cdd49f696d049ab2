"""One playbook execution's private folder: made fresh, owner-only, removed afterwards.

ansible-runner lets files in ``env/`` win over what it is called with, so everything is written there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from agent.records import InventoryHost, ParameterValue
from agent.remediate.environment import difference
from agent.remediate.inventory import unsafe, write_private_inventory

_RUNNER_POLL_S = 0.2  # how often ansible-runner looks for cancel and time limit


@contextmanager
def workspace(
    parent: Path,
    name: str,
    hosts: Iterable[InventoryHost],
    parameters: Mapping[str, ParameterValue],
    environment: Mapping[str, str],
    timeout_s: float,
) -> Iterator[Path]:
    """Yield the folder for one execution, with inventory, variables, environment and time limit in it."""
    folder = parent / name
    shutil.rmtree(folder, ignore_errors=True)
    parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.mkdir(mode=0o700)
    try:
        (folder / "env").mkdir(mode=0o700)
        (folder / "inventory").mkdir(mode=0o700)
        write_private_inventory(hosts, folder / "inventory" / "hosts.yml")
        _write(folder / "env" / "extravars", orjson.dumps(_as_data(parameters)))
        _write(folder / "env" / "envvars", orjson.dumps(difference(environment)))
        settings = {
            "pexpect_timeout": _RUNNER_POLL_S,
            "job_timeout": timeout_s,
            "suppress_ansible_output": True,
        }
        _write(folder / "env" / "settings", orjson.dumps(settings))
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as_data(parameters: Mapping[str, ParameterValue]) -> dict[str, Any]:
    return {name: unsafe(value) if isinstance(value, str) else value for name, value in parameters.items()}


def _write(file: Path, content: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
