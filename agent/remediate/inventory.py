"""Inventory sources in, hosts with all their variables out; and private inventories for runs.

Ansible itself reads the sources (``ansible-inventory``), so plugins, group_vars and vault work as they
do by hand. The answer is kept until a file changes or the refresh time is over.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson

from agent.clock import Clock
from agent.errors import RunError
from agent.records import InventoryHost
from agent.remediate.environment import ansible_environment

_Fingerprint = tuple[tuple[str, int, int], ...]

_TIMEOUT_S = 60
_RETRY_S = 15  # before a source that could not be read is asked again: a plugin asks other people's servers
_SHELL = "opsmend.agent.bounded_sh"
_POSIX_SHELLS = ("sh", "bash", "dash", "ksh", "zsh")


class AnsibleInventory:
    """The operator's inventory. Safe to use from several threads."""

    def __init__(
        self,
        sources: Sequence[Path],
        clock: Clock,
        refresh: timedelta,
        config: Path | None = None,
        vault_password_file: Path | None = None,
    ) -> None:
        self._sources = tuple(sources)
        self._clock = clock
        self._refresh_s = refresh.total_seconds()
        self._config = config
        self._vault_password_file = vault_password_file
        self._lock = threading.Lock()
        self._hosts: Mapping[str, InventoryHost] | None = None
        self._read_at = 0.0
        self._fingerprint: _Fingerprint = ()
        self._refused: tuple[RunError, float, _Fingerprint] | None = None

    def hosts(self) -> Mapping[str, InventoryHost]:
        """Return all hosts by name, read again when a file changed or the time is over.

        Raises RunError when the inventory cannot be read: an old answer may aim at the wrong machine.
        """
        with self._lock:
            age = self._clock.monotonic() - self._read_at
            if (
                self._hosts is None
                or age > self._refresh_s
                or _fingerprint(self._sources) != self._fingerprint
            ):
                self._hosts = None
                self._keep(*self._read_patiently())
            assert self._hosts is not None
            return self._hosts

    def refresh(self) -> None:
        """Read the inventory ahead of time, so that a decision need not wait for it.

        Raises RunError as ``hosts`` does.
        """
        hosts, fingerprint = self._read_now()
        with self._lock:
            self._keep(hosts, fingerprint)

    def _keep(self, hosts: Mapping[str, InventoryHost], fingerprint: _Fingerprint) -> None:
        self._hosts = hosts
        self._fingerprint = fingerprint
        self._read_at = self._clock.monotonic()

    def _read_patiently(self) -> tuple[Mapping[str, InventoryHost], _Fingerprint]:
        """Read, but give the last refusal again when it is young and no file has changed since."""
        fingerprint = _fingerprint(self._sources)  # before reading: a change meanwhile is seen later
        if self._refused is not None:
            error, at, seen = self._refused
            if self._clock.monotonic() - at < _RETRY_S and seen == fingerprint:
                raise error
        try:
            hosts = self._read()
        except RunError as error:
            self._refused = error, self._clock.monotonic(), fingerprint
            raise
        self._refused = None
        return hosts, fingerprint

    def _read_now(self) -> tuple[Mapping[str, InventoryHost], _Fingerprint]:
        fingerprint = _fingerprint(self._sources)  # before reading: a change meanwhile is seen later
        return self._read(), fingerprint

    def _read(self) -> dict[str, InventoryHost]:
        command = ["ansible-inventory", "--list"]
        for source in self._sources:
            command += ["-i", str(source)]
        if self._vault_password_file:
            command += ["--vault-password-file", str(self._vault_password_file)]
        try:
            done = subprocess.run(
                command,
                env=ansible_environment(self._config),
                capture_output=True,
                timeout=_TIMEOUT_S,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise RunError(f"ansible-inventory cannot be run: {error}") from error
        said = done.stderr.decode(errors="replace").strip()
        if done.returncode != 0 or "Unable to parse" in said or "Failed to parse" in said:
            raise RunError(f"the inventory cannot be read: {_first_line(said)}")
        return _to_hosts(orjson.loads(done.stdout))


def write_private_inventory(hosts: Iterable[InventoryHost], file: Path) -> None:
    """Write an inventory that holds these hosts, their groups and variables, and nothing else."""
    chosen = list(hosts)
    groups: dict[str, Any] = {}
    for host in chosen:
        for group in sorted(host.groups - {"all", "ungrouped"}):
            groups.setdefault(group, {"hosts": {}})["hosts"][host.name] = {}
    content = {
        "all": {
            "hosts": {host.name: _private_variables(host) for host in chosen},
            "children": groups,
        }
    }
    # Ansible reads JSON wherever it reads YAML, and only there knows the tags of ansible-inventory
    file.write_bytes(orjson.dumps(content))


def unsafe(value: str) -> dict[str, str]:
    """Mark a string as data that Ansible must never read as a template."""
    return {"__ansible_unsafe": value}


def _private_variables(host: InventoryHost) -> dict[str, Any]:
    variables = dict(host.variables)
    if variables.get("ansible_shell_type", "sh") in _POSIX_SHELLS:
        variables["ansible_shell_type"] = _SHELL
    return variables


def _to_hosts(data: Mapping[str, Any]) -> dict[str, InventoryHost]:
    variables = data.get("_meta", {}).get("hostvars", {})
    groups_of: dict[str, set[str]] = {name: set() for name in variables}

    def walk(group: str, above: tuple[str, ...]) -> None:
        if group in above:
            return
        content = data.get(group, {})
        for host in content.get("hosts", ()):
            groups_of.setdefault(host, set()).update((*above, group))
        for child in content.get("children", ()):
            walk(child, (*above, group))

    walk("all", ())
    return {
        name: InventoryHost(name=name, groups=frozenset(groups), variables=variables.get(name, {}))
        for name, groups in groups_of.items()
    }


def _fingerprint(sources: Iterable[Path]) -> _Fingerprint:
    """Return name, time and size of every file that the sources consist of."""
    seen: list[tuple[str, int, int]] = []
    for source in sources:
        files = [source] if source.is_file() else sorted(source.rglob("*"))
        if source.is_file():
            for neighbour in ("group_vars", "host_vars"):
                files += sorted((source.parent / neighbour).rglob("*"))
        for file in files:
            try:
                stat = file.stat()
            except OSError:
                continue
            seen.append((str(file), stat.st_mtime_ns, stat.st_size))
    return tuple(seen)


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if "ERROR" in line or "parse" in line]
    return (telling or lines or ["no reason given"])[0][:500]
