"""Where connections lead in, the machine behind each out: two names of one machine have one identity.

What ssh makes of a name (its configuration, a jump host) ssh itself is asked with ``ssh -G``; a name that
has one address is that address. Who logs in makes no other machine.
"""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agent.ansible.where import Where, address_in
from agent.instance import canonical_host

_BY_SSH = frozenset({"ssh", "smart", "paramiko", "paramiko_ssh"})
_SSH_ARGUMENTS = ("ssh_args", "ssh_common_args", "ssh_extra_args")
_ASK_SSH_S = 5
_RESOLVE_S = 3.0  # for all names together: a name server that is away must not hold up the inventory
_AT_ONCE = 8
_CONFIGURATIONS = ("~/.ssh/config", "/etc/ssh/ssh_config")
_RENAMES = re.compile(r"^\s*(hostname|port|proxyjump|proxycommand|match|canonical\w*)\b", re.I | re.M)
_INCLUDES = re.compile(r"^\s*include\s+(.+)$", re.I | re.M)


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """The end of an ssh connection; ``through`` is the jump host or the command that it goes by."""

    host: str
    port: str
    through: str = ""


def identities_of(places: Mapping[str, Where]) -> dict[str, str]:
    """Return one string per machine for each host: connection, address, port and jump host."""
    by_ssh = {name: where for name, where in places.items() if where[0] in _BY_SSH}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        ends = dict(zip(by_ssh, pool.map(_end_of_ssh, by_ssh.values()), strict=True))
    known = _addresses({end.host for end in ends.values() if not end.through})
    found = {}
    for name, where in places.items():
        if name in ends:
            end = ends[name]
            address = end.host if end.through else known.get(end.host, end.host)
            found[name] = f"ssh {address} port {end.port}" + (
                f" through {end.through}" if end.through else ""
            )
        else:
            found[name] = _other(where)
    return found


def _other(where: Where) -> str:
    name, options = where
    if name == "local":
        return "local"
    words = [name, canonical_host(address_in(where))]
    words += [
        f"{option} {value}"
        for option, value in sorted(options.items())
        if option not in ("host", "remote_addr")
    ]
    return " ".join(words)


def _end_of_ssh(where: Where) -> _Endpoint:
    name, options = where
    given = _Endpoint(
        canonical_host(address_in(where)), options.get("port", "22"), options.get("proxy_command", "")
    )
    arguments = [word for key in _SSH_ARGUMENTS for word in _split(options.get(key, ""))]
    destination = address_in(where)
    is_more = "@" in destination or "://" in destination  # ssh takes user@host, and ssh://user@host:port
    if name in ("paramiko", "paramiko_ssh") or not (is_more or _may_rename(arguments)):
        return given
    command = [options.get("ssh_executable", "ssh"), "-G", *arguments]
    command += ["-o", f"Port={options['port']}"] if "port" in options else []
    try:
        done = subprocess.run(
            [*command, "--", destination],
            capture_output=True,
            timeout=_ASK_SSH_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return given
    if done.returncode != 0:
        return given
    said = dict(
        line.partition(" ")[::2] for line in done.stdout.decode(errors="replace").splitlines() if " " in line
    )
    through = [said[key] for key in ("proxyjump", "proxycommand") if said.get(key, "none") != "none"]
    return _Endpoint(
        canonical_host(said.get("hostname", given.host)), said.get("port", "22"), " ".join(through)
    )


def _may_rename(arguments: Iterable[str]) -> bool:
    """Return whether ssh may make another machine of a name than the one that is called so.

    Asking ssh takes ten milliseconds for each host, and most sites have nothing that would rename one.
    """
    words = list(arguments)
    if any(word.startswith(("-J", "-F", "-p", "-W")) for word in words):
        return True
    if _RENAMES.search("\n".join(re.sub(r"^-o\s*|[=]", " ", word) for word in words)):
        return True
    return any(_renames(Path(file).expanduser(), 0) for file in _CONFIGURATIONS)


def _renames(file: Path, depth: int) -> bool:
    try:
        text = file.read_text(errors="replace")
    except OSError:
        return False
    if depth > 8 or _RENAMES.search(text):
        return True
    for pattern in (word for line in _INCLUDES.findall(text) for word in _split(line)):
        path = Path(pattern).expanduser()
        base = path if path.is_absolute() else file.parent / path
        if any(_renames(one, depth + 1) for one in base.parent.glob(base.name)):
            return True
    return False


def _split(arguments: str) -> list[str]:
    try:
        return shlex.split(arguments)
    except ValueError:
        return arguments.split()


def _addresses(names: Iterable[str]) -> dict[str, str]:
    """Return the address of each name that has exactly one; the others keep their names."""
    found: dict[str, str] = {}
    left = deque(name for name in sorted(names) if canonical_host(name) == name)

    def work() -> None:
        with suppress(IndexError):
            while True:
                name = left.popleft()
                with suppress(OSError, UnicodeError):
                    addresses = _resolve(name)
                    if len(addresses) == 1:
                        found[name] = addresses[0]

    # no pool: a look-up cannot be broken off, and a process waits for those of a pool before it ends
    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(_AT_ONCE, len(left)))]
    for thread in threads:
        thread.start()
    until = time.monotonic() + _RESOLVE_S
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    left.clear()
    return dict(found)


def _resolve(name: str) -> list[str]:
    families: dict[int, list[str]] = {}
    for family, _, _, _, address in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM):
        families.setdefault(family, []).append(canonical_host(str(address[0])))
    # most machines have one of each; the older kind is the one that inventories write
    chosen = families.get(socket.AF_INET) or families.get(socket.AF_INET6) or []
    return sorted(set(chosen))
