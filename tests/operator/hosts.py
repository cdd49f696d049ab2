"""Real hosts as operators have them, with logins of all kinds; and an Ansible that reaches them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.demo.hosts import Cluster, Host
from tests.operator.site import Site

PASSWORD = "open-sesame-71"
# name: login shell, and the line for sudo, if any
LOGINS: Mapping[str, tuple[str, str]] = {
    "plain": ("/bin/bash", ""),
    "asked": ("/bin/bash", "ALL=(ALL) ALL"),
    "fishy": ("/usr/bin/fish", "ALL=(ALL) NOPASSWD: ALL"),
    "csh": ("/bin/tcsh", "ALL=(ALL) NOPASSWD: ALL"),
    "zsh": ("/bin/zsh", "ALL=(ALL) NOPASSWD: ALL"),
    "dash": ("/bin/dash", "ALL=(ALL) NOPASSWD: ALL"),
}


def add_logins(host: Host, public_key: str) -> None:
    """Make the users of LOGINS on a host, and let them in."""
    for name, (shell, sudo) in LOGINS.items():
        host.run("useradd", "--create-home", "--shell", shell, name)
        host.run("chpasswd", given=f"{name}:{PASSWORD}")
        host.let_in(name, public_key)
        if sudo:
            host.write(f"/etc/sudoers.d/{name}", f"{name} {sudo}\n")


class HostSite(Site):
    """An operator's Ansible for the hosts of a cluster, reached as one of its logins."""

    def __init__(self, folder: Path, cluster: Cluster, login: str = "ops", **variables: Any) -> None:
        super().__init__(folder)
        self.cluster = cluster
        self.config.write_text("[defaults]\n")
        common = {
            "ansible_user": login,
            "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_ssh_common_args": f"-F {cluster.ssh_config.resolve()}",
            **variables,
        }
        hosts: dict[str, Any] = {name: {} for name in cluster.hosts}
        self.write("inventory/hosts.yml", {"all": {"hosts": hosts, "vars": common}})

    def lives(self, command: str, host: str = "web1") -> bool:
        """Return whether a process with this command line lives on a host."""
        return self.cluster.hosts[host].succeeds("pgrep", "-f", command)
