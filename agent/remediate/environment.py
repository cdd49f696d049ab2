"""The environment of Ansible's programs: the operator's configuration, but for two lists.

``OVERRIDES`` is all that the agent decides against the operator, each with the reason; ``DEFAULTS`` is what
it decides where the operator has decided nothing. ``opsmend check`` shows both.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.environment import clean_environment
from agent.remediate.ansible_config import AnsibleConfig

ANSIBLE_FOLDER = Path(__file__).resolve().parents[1] / "ansible"
RECORDED = "opsmend.agent.recorded"
SOCKETS = "cp"  # the folder of ssh's control sockets, below the one that runs and inventories have theirs in
_ALIVE = "-o ServerAliveInterval=5 -o ServerAliveCountMax=3"
_SHARED = "-o ControlMaster=auto -o ControlPersist=60s"
# bytes: 107 for a socket's path, of which Ansible's hash and ssh's random ending take 28 with their slash
_LONGEST_FOLDER_OF_SOCKETS = 79


@dataclass(frozen=True, slots=True)
class Decided:
    """A value that the agent gives to one of Ansible's settings, and why."""

    value: str
    reason: str
    of_runs: bool = False  # and of nothing else, as reading an inventory or checking a playbook


OVERRIDES: Mapping[str, Decided] = {
    "ANSIBLE_HOST_KEY_CHECKING": Decided("1", "a host that cannot prove who it is is not repaired"),
    "ANSIBLE_INVENTORY_ENABLED": Decided(RECORDED, "a run has the inventory that was decided by", True),
    "ANSIBLE_INVENTORY_UNPARSED_FAILED": Decided("1", "nothing runs without an inventory", True),
    "ANSIBLE_KEEP_REMOTE_FILES": Decided("0", "nothing of a run stays on a host"),
    "ANSIBLE_RETRY_FILES_ENABLED": Decided("0", "nothing of a run stays here"),
    "ANSIBLE_LOG_PATH": Decided(os.devnull, "what Ansible writes by itself holds secrets"),
    "ANSIBLE_DEBUG": Decided("0", "what Ansible prints then holds secrets"),
    "ANSIBLE_ASK_PASS": Decided("0", "nobody is there to be asked"),
    "ANSIBLE_BECOME_ASK_PASS": Decided("0", "nobody is there to be asked"),
    "ANSIBLE_ASK_VAULT_PASS": Decided("0", "nobody is there to be asked"),
    "ANSIBLE_ENABLE_TASK_DEBUGGER": Decided("0", "nobody is there to be asked"),
    "ANSIBLE_NOCOLOR": Decided("1", "a program reads the output"),
    "ANSIBLE_FORCE_COLOR": Decided("0", "a program reads the output"),
    "ANSIBLE_NOCOWS": Decided("1", "a program reads the output"),
}
DEFAULTS: Mapping[str, Decided] = {
    "ANSIBLE_PIPELINING": Decided("1", "a step has half as many connections"),
    "ANSIBLE_SSH_ARGS": Decided(f"{_SHARED} {_ALIVE}", "a host that goes away is noticed in 15 s"),
    "ANSIBLE_SSH_CONTROL_PATH_DIR": Decided("a folder of the agent's own", "its connections are its own"),
    "ANSIBLE_MODULE_STRICT_UTF8_RESPONSE": Decided("0", "a byte of another charset stops no repair"),
    "ANSIBLE_DEPRECATION_WARNINGS": Decided("0", "they are for authors: opsmend playbooks check"),
    "ANSIBLE_LOCALHOST_WARNING": Decided("0", "the agent has no inventory of its own machine"),
}


def ansible_environment(
    config: AnsibleConfig | None = None,
    search: Mapping[str, Iterable[Path]] | None = None,
    sockets: Path | None = None,
    run: bool = False,
) -> dict[str, str]:
    """Return the environment for one of Ansible's programs.

    ``config`` is the operator's ansible.cfg; ``search`` are folders by the variable that names them to
    Ansible, in place of those of the configuration; ``sockets`` is where ssh keeps its control sockets. When
    its path is too long for a socket, each task has a connection of its own: slower, and better than none.
    ``run`` is set for a run on hosts.
    """
    environment = clean_environment()
    environment |= {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", os.defpath)]),
        "ANSIBLE_CONFIG": str(config.file if config and config.file else ANSIBLE_FOLDER / "none.cfg"),
        "LC_ALL": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
    }
    environment |= _defaults(config, sockets)
    if config is not None:
        environment |= config.values
    environment |= {name: one.value for name, one in OVERRIDES.items() if run or not one.of_runs}
    folders: dict[str, Sequence[Path]] = {**(config.search if config else {})}
    folders |= {name: tuple(paths) for name, paths in (search or {}).items()}
    folders["ANSIBLE_COLLECTIONS_PATH"] = (ANSIBLE_FOLDER, *folders.get("ANSIBLE_COLLECTIONS_PATH", ()))
    environment |= {name: _joined(paths) for name, paths in folders.items() if paths}
    return environment


def _defaults(config: AnsibleConfig | None, sockets: Path | None) -> dict[str, str]:
    undecided = DEFAULTS.keys() if config is None else config.undecided
    chosen = {name: decided.value for name, decided in DEFAULTS.items() if name in undecided}
    if chosen.pop("ANSIBLE_SSH_CONTROL_PATH_DIR", None) and sockets is not None:
        chosen["ANSIBLE_SSH_CONTROL_PATH_DIR"] = str(sockets)
        if len(os.fsencode(sockets)) > _LONGEST_FOLDER_OF_SOCKETS and "ANSIBLE_SSH_ARGS" in chosen:
            chosen["ANSIBLE_SSH_ARGS"] = _ALIVE
    return chosen


def _joined(paths: Iterable[Path]) -> str:
    return os.pathsep.join(map(str, paths))
