"""The agent's ssh key, and the host keys that it knows."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agent.errors import OpsmendError
from agent.records import InventoryHost

_SCAN_TIMEOUT_S = 5
_SSH_PORT = 22


@dataclass(frozen=True, slots=True)
class HostKey:
    """A host's key as a line of known_hosts, and its fingerprint for people."""

    host: str
    line: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class SshFolder:
    """The ``.ssh`` of the agent's user, who owns what is made there."""

    user: pwd.struct_passwd

    @property
    def path(self) -> Path:
        """Return the folder."""
        return Path(self.user.pw_dir) / ".ssh"

    @property
    def _known_hosts(self) -> Path:
        return self.path / "known_hosts"

    def make_key(self) -> str:
        """Make a key where there is none; return its public half. Raises OpsmendError."""
        self._make()
        key = self.path / "id_ed25519"
        if not key.exists():
            comment = f"opsmend@{os.uname().nodename}"
            _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(key))
        for file in (key, key.with_suffix(".pub")):
            self._hand_over(file)
        return key.with_suffix(".pub").read_text().strip()

    def unknown(self, hosts: Iterable[InventoryHost]) -> list[InventoryHost]:
        """Return the hosts whose key the agent does not know."""
        return [host for host in hosts if not _lines_of(address_of(host), self._known_hosts)]

    def note(self, keys: Iterable[HostKey]) -> None:
        """Let the agent know keys of hosts. Raises OpsmendError."""
        self._make()
        with self._known_hosts.open("a") as stream:
            stream.writelines(f"{key.line}\n" for key in keys)
        self._hand_over(self._known_hosts)

    def _make(self) -> None:
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise OpsmendError(f"{self.path} cannot be made: {error.strerror}") from error
        if os.geteuid() == 0:
            os.chown(self.path, self.user.pw_uid, self.user.pw_gid)

    def _hand_over(self, file: Path) -> None:
        file.chmod(0o600)
        if os.geteuid() == 0:
            os.chown(file, self.user.pw_uid, self.user.pw_gid)


def address_of(host: InventoryHost) -> str:
    """Return how known_hosts calls a host: its address, with the port where that is not ssh's own."""
    name = host.address or host.name
    return name if host.port in (0, _SSH_PORT) else f"[{name}]:{host.port}"


def known_to(files: Iterable[Path], hosts: Iterable[InventoryHost]) -> list[HostKey]:
    """Return the keys of hosts that somebody else knows already, by their known_hosts files."""
    places = list(files)
    found = []
    for name in map(address_of, hosts):
        lines = next(filter(None, (_lines_of(name, file) for file in places)), [])
        found += [HostKey(name, line, _fingerprint(line)) for line in lines]
    return found


def scan(hosts: Iterable[InventoryHost]) -> list[HostKey]:
    """Return the keys that hosts show now: whoever answers in their place is believed."""
    found = []
    for host in hosts:
        options = ("-T", str(_SCAN_TIMEOUT_S), "-p", str(host.port or _SSH_PORT), "-t", "ed25519,ecdsa,rsa")
        shown = _output("ssh-keyscan", *options, host.address or host.name)
        lines = [line for line in shown if not line.startswith("#")]
        for line in sorted(lines, key=lambda one: "ed25519" not in one)[:1]:
            found.append(HostKey(address_of(host), line, _fingerprint(line)))
    return found


def files_of_people(environment: Mapping[str, str] = os.environ) -> list[Path]:
    """Return the known_hosts of who gives the command, and of who is behind sudo."""
    homes = [Path.home()]
    if behind := environment.get("SUDO_USER"):
        with suppress(KeyError):
            homes.insert(0, Path(pwd.getpwnam(behind).pw_dir))
    return [home / ".ssh" / "known_hosts" for home in homes]


def _lines_of(name: str, file: Path) -> Sequence[str]:
    """Return the lines of a known_hosts file about a name, also where names are hashed."""
    if not os.access(file, os.R_OK):
        return []
    return [line for line in _output("ssh-keygen", "-F", name, "-f", str(file)) if not line.startswith("#")]


def _fingerprint(line: str) -> str:
    done = subprocess.run(
        ["ssh-keygen", "-lf", "-"], input=line, capture_output=True, text=True, check=False, timeout=30
    )
    words = done.stdout.split()
    return words[1] if len(words) > 1 else "?"


def _output(*command: str) -> list[str]:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line for line in done.stdout.splitlines() if line.strip()]


def _run(*command: str) -> None:
    if shutil.which(command[0]) is None:
        raise OpsmendError(f"{command[0]} is not installed")
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode != 0:
        raise OpsmendError(f"{' '.join(command[:2])}: {done.stderr.strip()}")
