"""One playbook execution's private folder: made fresh, owner-only, removed afterwards.

ansible-runner lets files in ``env/`` win over what it is called with, so everything is written there. What
Ansible itself writes on the way goes there too.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from agent.log import Logger
from agent.records import ParameterValue
from agent.remediate.scratch import Scratch

log = Logger("remediate")

JOB = "job.json"
REPORT = "report"
TEMPORARY = "tmp"
_REMOVALS, _BETWEEN_REMOVALS_S = 20, 0.1
_RUNNER_POLL_S = 0.2  # how often ansible-runner looks for cancel and time limit


@contextmanager
def workspace(
    parent: Path, variables: Mapping[str, Any], job: Mapping[str, Any], timeout_s: float
) -> Iterator[Path]:
    """Yield the folder for one execution, with variables, limits and time limit in it."""
    scratch = Scratch(parent)
    folder = scratch.path
    try:
        (folder / "env").mkdir(mode=0o700)
        (folder / TEMPORARY).mkdir(mode=0o700)
        write_private(folder / "env" / "extravars", orjson.dumps(variables))
        settings = {
            "pexpect_timeout": _RUNNER_POLL_S,
            "job_timeout": timeout_s,
            "suppress_ansible_output": True,
        }
        write_private(folder / "env" / "settings", orjson.dumps(settings))
        roots = [*job["roots"], str(folder)]
        content = {**job, "roots": roots, "report": str(folder / REPORT)}
        write_private(folder / JOB, orjson.dumps(content))
        yield folder
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    for _ in range(_REMOVALS):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(_BETWEEN_REMOVALS_S)  # somebody was still writing
    log.error("a run's folder cannot be removed", folder=str(folder))


def write_private(file: Path, content: bytes) -> None:
    """Write a new file that nobody else can read."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)


def as_data(parameters: Mapping[str, ParameterValue]) -> dict[str, Any]:
    """Return parameters in which no string is ever a template."""
    return {
        name: {"__ansible_unsafe": value} if isinstance(value, str) else value
        for name, value in parameters.items()
    }
