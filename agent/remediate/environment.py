"""The environment in which the agent starts Ansible's programs: its own versions, no surprises."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ANSIBLE_FOLDER = Path(__file__).parent / "ansible"
_ALIVE = "-o ServerAliveInterval=5 -o ServerAliveCountMax=3"
_SHARED = "-o ControlMaster=auto -o ControlPersist=60s"
# bytes: 107 for a socket's path, of which Ansible's hash and ssh's random ending take 28 with their slash
_LONGEST_FOLDER_OF_SOCKETS = 79


def ansible_environment(
    config: Path | None = None, roles: Sequence[Path] = (), home: Path | None = None
) -> dict[str, str]:
    """Return the environment for an Ansible program.

    ``config`` is the ansible.cfg in force; ``roles`` are searched for roles; ``home`` is where Ansible
    keeps its temporary files and ssh's control sockets. When its path is too long for a socket, each task
    has a connection of its own: slower, and better than none.
    """
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "ANSIBLE_COLLECTIONS_PATH": _joined(str(ANSIBLE_FOLDER), os.environ.get("ANSIBLE_COLLECTIONS_PATH")),
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_SSH_ARGS": f"{_SHARED} {_ALIVE}",
        "ANSIBLE_HOST_KEY_CHECKING": "1",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_NOCOWS": "1",
        "ANSIBLE_LOCALHOST_WARNING": "0",
        "ANSIBLE_DEPRECATION_WARNINGS": "0",
        "LC_ALL": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
    }
    if config is not None:
        environment["ANSIBLE_CONFIG"] = str(config)
    if roles:
        environment["ANSIBLE_ROLES_PATH"] = os.pathsep.join(map(str, roles))
    if home is not None:
        environment["ANSIBLE_HOME"] = str(home)
        sockets = str(home / "cp")
        environment["ANSIBLE_SSH_CONTROL_PATH_DIR"] = sockets
        if len(os.fsencode(sockets)) > _LONGEST_FOLDER_OF_SOCKETS:
            environment["ANSIBLE_SSH_ARGS"] = _ALIVE
    return environment


def difference(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what an environment adds to or changes in the agent's own."""
    return {name: value for name, value in environment.items() if os.environ.get(name) != value}


def _joined(*paths: str | None) -> str:
    return os.pathsep.join(path for path in paths if path)
