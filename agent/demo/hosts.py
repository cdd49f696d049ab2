"""Test hosts: containers that are whole Debian machines under systemd, reached by ssh.

They run unprivileged: no clock, no kernel settings, no devices of the machine can be reached from them.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent.demo.image import PODMAN, DemoError, run

# AUDIT_WRITE: without it sshd lets nobody have a terminal, which Ansible asks for where it copies files
_CAPABILITIES = "SYS_ADMIN,NET_ADMIN,NET_RAW,SYS_PTRACE,DAC_READ_SEARCH,AUDIT_WRITE"
_NO_CONTAINER = 125  # podman's own exit code, where the command itself was not run
_BOOT_TIMEOUT_S = 180  # a busy machine takes its time
_LABEL = "opsmend.cluster"
# who logs in: an operator who becomes root by sudo, as on most sites, and root for whoever builds the hosts
OPERATOR = "ops"
LOGINS = (OPERATOR, "root")


@dataclass(frozen=True, slots=True)
class Host:
    """One running host."""

    name: str
    container: str
    address: str

    def run(self, *command: str, given: str | None = None, timeout_s: float = 60) -> str:
        """Run a command on the host as its administrator would, and return its output."""
        options = ["-i"] if given is not None else []
        return run("podman", "exec", *options, self.container, *command, given=given, timeout_s=timeout_s)

    def succeeds(self, *command: str) -> bool:
        """Return whether a command on the host ends well."""
        done = subprocess.run(
            ["podman", "exec", self.container, *command], capture_output=True, check=False, timeout=60
        )
        return done.returncode == 0

    def let_in(self, login: str, public_key: str) -> None:
        """Let whoever has a key log in as a user."""
        home = self.run("sh", "-c", f"echo ~{login}").strip()
        self.write(f"{home}/.ssh/authorized_keys", public_key)
        self.run("chown", "-R", f"{login}:", f"{home}/.ssh")
        self.run("chmod", "-R", "go-rwx", f"{home}/.ssh")

    def write(self, path: str, content: str) -> None:
        """Put a file on the host."""
        self.run("sh", "-c", 'mkdir -p "$(dirname "$1")" && cat > "$1"', "write", path, given=content)


@dataclass
class Cluster:
    """Some hosts with one key for all, and an ssh configuration that knows them.

    As a context manager it removes its hosts at the end, also after a failure.
    """

    name: str
    folder: Path
    image: str
    memory: str = "512m"
    logins: Iterable[str] = LOGINS
    hosts: dict[str, Host] = field(default_factory=dict)

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()

    @property
    def key(self) -> Path:
        """Return the private key that opens every host."""
        return self.folder / "key"

    @property
    def ssh_config(self) -> Path:
        """Return the ssh configuration with every host's address, key and known host key."""
        return self.folder / "ssh_config"

    def start(self, names: Iterable[str], mounts: Mapping[str, Iterable[str]] | None = None) -> None:
        """Start hosts and wait until systemd says they run; ``mounts`` are extra tmpfs per host."""
        remove(self.name)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self.key.exists():
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.name, "-f", str(self.key))
        names = list(names)
        for name in names:
            self._create(name, (mounts or {}).get(name, ()))
        for name in names:
            self._wait_for_boot(name)
        self._write_ssh_config()
        addresses = "".join(f"{host.address} {host.name}\n" for host in self.hosts.values())
        for host in self.hosts.values():
            host.run("sh", "-c", "cat >> /etc/hosts", given=addresses)

    def remove(self) -> None:
        """Remove the hosts."""
        remove(self.name)
        self.hosts.clear()

    def _create(self, name: str, mounts: Iterable[str]) -> None:
        container = f"{self.name}-{name}"
        options = [option for mount in mounts for option in ("--tmpfs", mount)]
        command = [*PODMAN, "run", "-d", "--name", container, "--hostname", name]
        command += ["--label", f"{_LABEL}={self.name}", "--systemd=always"]
        # below podman's own group all hosts together would get as much of the processors as one process
        command += ["--cgroup-parent=/"]
        command += [f"--cap-add={_CAPABILITIES}"]
        command += ["--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"]
        command += ["--memory", self.memory, "--pids-limit", "400"]
        command += ["--ulimit", "nofile=10000:10000", "--ulimit", "nproc=30000:30000"]
        run(*command, *options, self.image, "/sbin/init")
        address = run(
            "podman", "inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", container
        ).strip()
        self.hosts[name] = Host(name, container, address)

    def _wait_for_boot(self, name: str) -> None:
        host = self.hosts[name]
        deadline = time.monotonic() + _BOOT_TIMEOUT_S
        while time.monotonic() < deadline:
            done = subprocess.run(
                ["podman", "exec", host.container, "systemctl", "is-system-running"],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode == _NO_CONTAINER:
                raise DemoError(f"host {name} is gone: {done.stderr.strip()}")
            state = done.stdout.strip()
            if state == "running":
                for login in self.logins:
                    host.let_in(login, (self.folder / "key.pub").read_text())
                return
            if state == "degraded":
                failed = host.run("systemctl", "--failed", "--plain", "--no-legend")
                raise DemoError(f"host {name} came up degraded: {failed.strip()}")
            time.sleep(0.2)
        raise DemoError(f"host {name} did not come up within {_BOOT_TIMEOUT_S} s")

    def _write_ssh_config(self) -> None:
        known = self.folder / "known_hosts"
        lines = []
        for host in self.hosts.values():
            public = host.run("cat", "/etc/ssh/ssh_host_ed25519_key.pub").split()
            lines.append(f"{host.name},{host.address} {public[0]} {public[1]}")
        known.write_text("\n".join(lines) + "\n")
        blocks = [
            f"Host {host.name}\n  HostName {host.address}\n  HostKeyAlias {host.name}\n"
            for host in self.hosts.values()
        ]
        common = (
            f"Host *\n  User {OPERATOR}\n  IdentityFile {self.key.resolve()}\n  IdentitiesOnly yes\n"
            f"  UserKnownHostsFile {known.resolve()}\n  StrictHostKeyChecking yes\n"
            "  ConnectTimeout 5\n"
        )
        self.ssh_config.write_text("".join(blocks) + common)


def remove(cluster: str) -> None:
    """Remove every host of a cluster, also one left over from an interrupted start."""
    listed = run("podman", "ps", "-aq", "--filter", f"label={_LABEL}={cluster}").split()
    if listed:
        run("podman", "rm", "--force", "--time", "0", "--volumes", *listed)
