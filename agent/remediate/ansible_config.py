"""The operator's ansible.cfg in, what the agent has to know of it out: where Ansible looks for what."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from agent.environment import clean_environment
from agent.errors import RunError
from agent.ownprocess import run_own

NAME = "ansible.cfg"
_USUAL = ("~/.ansible.cfg", "/etc/ansible/ansible.cfg")
_NOTHING = Path(__file__).resolve().parents[1] / "ansible" / "none.cfg"
_TIMEOUT_S = 60
_SILENT = {"ANSIBLE_DEBUG": "0", "ANSIBLE_LOG_PATH": os.devnull}  # it is read, not used


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsibleConfig:
    """What an ansible.cfg says, by the environment variables that would say the same.

    ``search`` are the folders in which Ansible looks for collections, roles and plugins, ``values`` files
    that it names relative to itself, ``undecided`` what it leaves to the agent. ``vault_files`` are password
    files and programs; ``prompts`` are vault identities that would ask a person, and cannot be used.
    """

    file: Path | None = None
    search: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    undecided: frozenset[str] = frozenset()
    vault_files: tuple[Path, ...] = ()
    prompts: tuple[str, ...] = ()


class AnsibleConfigs:
    """The operator's ansible.cfg, read again when another file is in force or the file has changed.

    Safe to use from several threads.
    """

    def __init__(self, given: Path | None, playbooks: Iterable[Path]) -> None:
        self._given = given
        self._playbooks = tuple(playbooks)
        self._lock = threading.Lock()
        self._known: tuple[tuple[object, ...], AnsibleConfig] | None = None

    def current(self) -> AnsibleConfig:
        """Return what it says. Raises RunError when Ansible refuses it."""
        file = find_ansible_config(self._given, self._playbooks)
        status = file.stat() if file is not None and file.is_file() else None
        state = (file, status and (status.st_mtime_ns, status.st_size, status.st_ino))
        with self._lock:
            if self._known is None or self._known[0] != state:
                self._known = state, read_ansible_config(file)
            return self._known[1]


def find_ansible_config(
    given: Path | None, playbooks: Iterable[Path], environment: Mapping[str, str] = os.environ
) -> Path | None:
    """Return the ansible.cfg in force: as set, ``$ANSIBLE_CONFIG``, beside playbooks, or in the usual places.

    Of several beside playbooks the last folder's wins. The folder that a command is given in has no say.
    """
    named = given or (Path(said) if (said := environment.get("ANSIBLE_CONFIG")) else None)
    if named is not None:
        return named
    beside = [folder / NAME for folder in playbooks]
    usual = [Path(place).expanduser() for place in _USUAL]
    return next((file for file in (*reversed(beside), *usual) if file.is_file()), None)


def read_ansible_config(file: Path | None) -> AnsibleConfig:
    """Return what a configuration says; None is Ansible's own. Raises RunError when Ansible refuses it."""
    if file is not None and not file.is_file():
        raise RunError(
            f"there is no file {file}, which should be the ansible.cfg; see remediate.ansible_config"
        )
    try:
        done = run_own(
            "agent.ansible.read_config",
            timeout_s=_TIMEOUT_S,
            environment={**clean_environment(), **_SILENT, "ANSIBLE_CONFIG": str(file or _NOTHING)},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RunError(f"Ansible's configuration cannot be read: {error}") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise RunError(f"{file or 'Ansible'}: {said[-1] if said else 'no reason given'}"[:500])
    try:
        answer = orjson.loads(done.stdout.rstrip().rpartition(b"\n")[2])  # before it, what plugins print
    except orjson.JSONDecodeError as error:
        raise RunError(f"{file or 'Ansible'}: what it makes of its configuration makes no sense") from error
    return AnsibleConfig(
        file=file,
        search={name: tuple(map(Path, folders)) for name, folders in answer["search"].items()},
        values=answer["values"],
        undecided=frozenset(answer["undecided"]),
        vault_files=tuple(map(Path, answer["vault_files"])),
        prompts=tuple(answer["prompts"]),
    )
