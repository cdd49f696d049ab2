"""Inventory sources in, hosts as Ansible itself sees them out; and the same inventory for runs.

A process of its own reads the sources with Ansible's inventory, variable manager and templar, so plugins,
group_vars, templates and vaults work as they do by hand. The answer is kept until a file changes or the
refresh time is over.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson

from agent.clock import Clock
from agent.errors import RunError
from agent.ownprocess import run_own
from agent.records import InventoryHost
from agent.remediate.ansible_config import AnsibleConfig
from agent.remediate.environment import SOCKETS, ansible_environment
from agent.remediate.redaction import Secrets
from agent.remediate.scratch import Scratch

_Fingerprint = tuple[tuple[str, int, int, int], ...]

_TIMEOUT_S = 60
_RETRY_S = 15  # before a source that could not be read is asked again: a plugin asks other people's servers
_MOST_WARNINGS = 100
_LONGEST_REASON = 300
_SSH_CONFIGURATIONS = ("~/.ssh/config", "/etc/ssh/ssh_config")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """An inventory as it was read once.

    ``where`` says of each host where a connection leads, as the limits of a run need it; ``record`` is the
    folder from which a run gets all groups, hosts and variables. It lives as long as this does.
    """

    hosts: Mapping[str, InventoryHost]
    groups: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()
    where: Mapping[str, Any] = field(default_factory=dict)
    record: Scratch

    @property
    def sources(self) -> list[Path]:
        """Return what a run takes for its inventory sources, in their order."""
        return sorted(
            (one for one in self.record.path.iterdir() if one.is_dir()), key=lambda one: int(one.name)
        )


class AnsibleInventory:
    """The operator's inventory. Safe to use from several threads."""

    def __init__(
        self,
        sources: Sequence[Path],
        clock: Clock,
        refresh: timedelta,
        folder: Path,
        config: Callable[[], AnsibleConfig] = AnsibleConfig,
        vault_password_file: Path | None = None,
    ) -> None:
        self._sources = tuple(sources)
        self._clock = clock
        self._refresh_s = refresh.total_seconds()
        self._folder = folder
        self._config = config
        self._vault_password_file = vault_password_file
        self._lock = threading.Lock()
        self._inventory: Inventory | None = None
        self._read_at = 0.0
        self._fingerprint: _Fingerprint = ()
        self._refused: tuple[RunError, float, _Fingerprint] | None = None

    @property
    def known(self) -> Inventory | None:
        """Return the inventory as it was read last, however long ago; None when it could not be read."""
        return self._inventory

    def hosts(self) -> Mapping[str, InventoryHost]:
        """Return all hosts by name. Raises RunError as ``read`` does."""
        return self.read().hosts

    def read(self) -> Inventory:
        """Return the inventory, read again when a file changed or the time is over.

        Raises RunError when it cannot be read: an old answer may aim at the wrong machine.
        """
        with self._lock:
            age = self._clock.monotonic() - self._read_at
            known = self._inventory
            if known is None or age > self._refresh_s or self._look() != self._fingerprint:
                self._inventory = None
                known = self._keep(*self._read_patiently())
            return known

    def refresh(self) -> None:
        """Read the inventory ahead of time, so that a decision need not wait for it.

        Raises RunError as ``read`` does.
        """
        inventory, fingerprint = self._read_now()
        with self._lock:
            self._keep(inventory, fingerprint)

    def close(self) -> None:
        """Remove what is kept of the inventory: its variables may be secret."""
        with self._lock:
            if self._inventory is not None:
                self._inventory.record.remove()
            self._inventory = None

    def _keep(self, inventory: Inventory, fingerprint: _Fingerprint) -> Inventory:
        self._inventory = inventory
        self._fingerprint = fingerprint
        self._read_at = self._clock.monotonic()
        return inventory

    def _read_patiently(self) -> tuple[Inventory, _Fingerprint]:
        """Read, but give the last refusal again when it is young and no file has changed since."""
        fingerprint = self._look()  # before reading: a change meanwhile is seen later
        if self._refused is not None:
            error, at, seen = self._refused
            if self._clock.monotonic() - at < _RETRY_S and seen == fingerprint:
                raise error
        try:
            inventory = self._ask()
        except RunError as error:
            self._refused = error, self._clock.monotonic(), fingerprint
            raise
        self._refused = None
        return inventory, fingerprint

    def _read_now(self) -> tuple[Inventory, _Fingerprint]:
        fingerprint = self._look()  # before reading: a change meanwhile is seen later
        return self._ask(), fingerprint

    def _ask(self) -> Inventory:
        for source in filter(_is_missing, self._sources):
            raise RunError(f"the inventory cannot be read: {source} (paths.inventory) does not exist")
        config = self._config()
        record = Scratch(self._folder)
        options: list[str] = []
        for source in self._sources:
            options += ["-i", str(source)]
        if self._vault_password_file:
            options += ["--vault-password-file", str(self._vault_password_file)]
        # as in a run: what a connection is made with is compared there with what is read here
        environment = ansible_environment(config, sockets=self._folder.parent / SOCKETS)
        environment["ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED"] = (
            "1"  # some hosts would be missing, unnoticed
        )
        try:
            done = run_own(
                "agent.ansible.read_inventory",
                str(record.path),
                *options,
                timeout_s=_TIMEOUT_S,
                environment=environment,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise RunError(f"the inventory cannot be read: {error}") from error
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip()
            try:
                said = _secrets_of(record).taken_out_of(said)
            except (OSError, ValueError):  # it ended before it could say what is secret
                said = f"its process ended with code {done.returncode}, and what it said may hold secrets"
            raise RunError(f"the inventory cannot be read: {_telling_line(said)}")
        try:
            file = record.path / "answer.json"
            answer = orjson.loads(file.read_bytes())
            file.unlink()
            return _to_inventory(answer, record)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(
                f"the inventory cannot be read: Ansible's answer makes no sense: {error}"
            ) from error

    def _look(self) -> _Fingerprint:
        """Return name, time, size and number of every file that has a say in the inventory."""
        files = [file for source in self._sources for file in _files_of(source)]
        config = self._config().file
        files += [config] if config else []
        files += [Path(one).expanduser() for one in _SSH_CONFIGURATIONS]
        files += [self._vault_password_file] if self._vault_password_file else []
        return _fingerprint(files)


def _secrets_of(record: Scratch) -> Secrets:
    """Return what vaults of the inventory held. Raises OSError, ValueError where nobody can say."""
    file = record.path / "secrets.json"
    content = json.loads(file.read_bytes())  # a vault may hold what is no UTF-8
    file.unlink()
    return Secrets(content)


def _to_inventory(answer: Mapping[str, Any], record: Scratch) -> Inventory:
    secrets = _secrets_of(record)
    hosts = {}
    for name, told in answer["hosts"].items():
        where = told["where"]
        options = where[1] if where else {}
        hosts[name] = InventoryHost(
            name=name,
            groups=frozenset(told["groups"]),
            variables=told["variables"],
            unknown={
                one: secrets.taken_out_of(why)[:_LONGEST_REASON] for one, why in told["unknown"].items()
            },
            identity=told["identity"],
            connection=where[0] if where else "",
            address=options.get("host") or options.get("remote_addr") or "",
            port=int(options["port"]) if options.get("port", "").isdigit() else 0,
        )
    where = {name: told["where"] for name, told in answer["hosts"].items() if told["identity"]}
    where.setdefault("localhost", answer["localhost"])
    return Inventory(
        hosts=hosts,
        groups=frozenset(answer["groups"]),
        warnings=tuple(secrets.taken_out_of(one) for one in answer["warnings"][:_MOST_WARNINGS]),
        where=where,
        record=record,
    )


def _is_missing(source: Path) -> bool:
    try:
        source.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        pass  # Ansible says why it cannot be read
    return False


def _files_of(source: Path) -> list[Path]:
    if not source.is_file():
        return sorted(source.rglob("*"))
    beside = [source.parent / name for name in ("group_vars", "host_vars")]
    return [source, *(file for folder in beside for file in sorted(folder.rglob("*")))]


def _fingerprint(files: Iterable[Path]) -> _Fingerprint:
    seen: list[tuple[str, int, int, int]] = []
    for file in files:
        try:
            stat = file.stat()
        except OSError:
            continue
        seen.append((str(file), stat.st_mtime_ns, stat.st_size, stat.st_ino))
    return tuple(seen)


def _telling_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("[ERROR]", "Origin:"))]
    telling += [line for line in lines if "Failed to parse" in line or line.startswith("ERROR")]
    return " ".join(dict.fromkeys(telling or lines or ["no reason given"]))[:500]
