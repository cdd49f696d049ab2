"""A newcomer's site: hosts with a domain, a jump host, sudo with a password from a vault; and an ops host.

Nothing of it is as the demo has it. The ops host is a bare Debian that the packages are installed on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from agent.demo.cluster import BALANCER, MONITOR, WEB, start_cluster
from agent.demo.hosts import Cluster, Host
from agent.demo.image import DemoError, base_image, node_image, run

DOMAIN = "example.test"
VAULT, BECOME = "the word that opens the vault", "the word that sudo wants"
INVENTORY = "/srv/inventory"
PROMETHEUS = f"http://{MONITOR}.{DOMAIN}:9090"


@dataclass(frozen=True)
class Site:
    """The hosts by name, and the ops host."""

    hosts: dict[str, Host]
    ops: Host

    def opsmend(self, *arguments: str, code: int = 0, user: str = "root") -> str:
        """Run the command on the ops host as somebody; return what it said."""
        return self.on_ops("opsmend", *arguments, code=code, user=user)

    def on_ops(self, *command: str, code: int = 0, user: str = "root") -> str:
        """Run a command on the ops host and look at its exit code."""
        script = '"$@" 2>&1; echo "exit code $?"'
        said = self.ops.run("runuser", "-u", user, "--", "sh", "-c", script, "sh", *command, timeout_s=600)
        text, _, found = said.rpartition("exit code ")
        assert int(found) == code, f"{' '.join(command)}: {found.strip()}\n{text}"
        assert "Traceback" not in text
        return text

    def restart_ops(self) -> None:
        """Boot the ops host anew."""
        names = self.ops.run("cat", "/etc/hosts")
        run("podman", "restart", "--time", "20", self.ops.container)
        wait(lambda: self.ops.run("systemctl", "is-system-running").strip() == "running", 120)
        self.ops.run("sh", "-c", "cat > /etc/hosts", given=names)

    def let_the_agent_in_as_root(self) -> None:
        """Give the agent an inventory of all hosts, a key that opens them, and theirs, by hand."""
        names = [name for name in self.hosts if name != MONITOR]
        variables = {"ansible_user": "root", "opsmend_host_suffixes": [DOMAIN]}
        inventory = {"all": {"hosts": dict.fromkeys(names), "vars": variables}}
        self.ops.write("/etc/opsmend/inventory/hosts.yml", yaml.safe_dump(inventory))
        folder = "/var/lib/opsmend/.ssh"
        make = f"mkdir -p {folder} && ssh-keygen -q -t ed25519 -N '' -f {folder}/id_ed25519"
        learn = f"ssh-keyscan -t ed25519 {' '.join(names)} > {folder}/known_hosts 2>/dev/null"
        self.ops.run("sh", "-c", f"{make} && {learn} && chown -R opsmend: {folder} && chmod 700 {folder}")
        public = self.ops.run("cat", f"{folder}/id_ed25519.pub")
        for name in names:
            self.hosts[name].run("sh", "-c", "cat >> /root/.ssh/authorized_keys", given=public)

    def status(self) -> dict[str, Any]:
        """Return what the agent says of itself."""
        return yaml.safe_load(self.opsmend("status", "--json"))["agent"] or {}

    def incidents(self, *arguments: str) -> list[dict[str, Any]]:
        """Return incidents, the newest first."""
        return yaml.safe_load(self.opsmend("incidents", "--json", *arguments))

    def journal(self) -> str:
        """Return the newest of what the service has said."""
        return self.ops.run("journalctl", "-u", "opsmend", "-n", "60", "--no-pager", "-o", "cat")


def install(site: Site, *files: str) -> str:
    """Install packages as an administrator does; return what apt said."""
    paths = " ".join(f"/srv/packages/{file}" for file in files)
    script = f"DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends {paths}"
    return site.ops.run("sh", "-c", script, timeout_s=600)


def wait(condition: Callable[[], Any], timeout_s: float, why: Callable[[], str] = str) -> Any:
    """Wait until something is true and return it; what is not there yet may fail."""
    deadline = time.monotonic() + timeout_s
    last: Exception | None = None
    while time.monotonic() < deadline:
        try:
            if found := condition():
                return found
        except (AssertionError, DemoError, KeyError) as error:
            last = error
        time.sleep(0.5)
    raise AssertionError(f"not within {timeout_s} s: {last}\n{why()}")


@contextmanager
def running_site(name: str, folder: Path, files: Path) -> Iterator[Site]:
    """Start everything, with the folder ``files`` of packages on the ops host; remove it in the end."""
    cluster = Cluster(name, folder / "hosts", node_image(print))
    ops_cluster = Cluster(f"{name}-ops", folder / "ops", base_image(print), memory="2g", logins=("root",))
    with cluster, ops_cluster:
        start_cluster(cluster)
        ops_cluster.start(["ops"])
        ops = ops_cluster.hosts["ops"]
        site = Site(dict(cluster.hosts), ops)
        _name_hosts(site)
        _prepare_hosts(site)
        _prepare_ops(site, cluster, files)
        yield site


@contextmanager
def running_ops_host(name: str, folder: Path, files: Path) -> Iterator[Site]:
    """Start the ops host alone, with the folder ``files`` of packages on it; remove it in the end."""
    with Cluster(name, folder, base_image(print), memory="2g", logins=("root",)) as cluster:
        cluster.start(["ops"])
        site = Site({}, cluster.hosts["ops"])
        run("podman", "cp", str(files), f"{site.ops.container}:/srv/packages")
        yield site


def _name_hosts(site: Site) -> None:
    """Give every host its domain, and let Prometheus call it so."""
    names = "".join(f"{host.address} {host.name}.{DOMAIN} {host.name}\n" for host in site.hosts.values())
    monitor = site.hosts[MONITOR]
    for host in (monitor, site.ops):
        host.run("sh", "-c", "cat >> /etc/hosts", given=names)
    config = monitor.run("cat", "/etc/prometheus/prometheus.yml")
    for name in (*WEB, BALANCER):
        config = config.replace(f"{name}:", f"{name}.{DOMAIN}:")
    monitor.write("/etc/prometheus/prometheus.yml", config)
    # what it knows under the names of before would count for five more minutes
    monitor.run(
        "sh", "-c", "systemctl stop prometheus; rm -rf /var/lib/prometheus/*; systemctl start prometheus"
    )


def _prepare_hosts(site: Site) -> None:
    """Let people in on the balancer as deploy, with sudo by password; by that host the agent reaches web2."""
    balancer = site.hosts[BALANCER]
    balancer.run("useradd", "--create-home", "--shell", "/bin/bash", "--groups", "sudo", "deploy")
    balancer.run("chpasswd", given=f"deploy:{BECOME}\n")
    site.hosts["web2"].write(
        "/etc/ssh/sshd_config.d/jump.conf", f"AllowUsers root opsmend@{balancer.address}\n"
    )
    site.hosts["web2"].run("systemctl", "reload", "ssh")


def _prepare_ops(site: Site, cluster: Cluster, files: Path) -> None:
    """Put packages, the administrator's key and the inventory on the ops host."""
    run("podman", "cp", str(files), f"{site.ops.container}:/srv/packages")
    site.ops.write("/root/.ssh/id_ed25519", cluster.key.read_text())
    site.ops.run("chmod", "-R", "go-rwx", "/root/.ssh")
    hosts = {
        "web": {
            "hosts": {"web1": None, "web2": {"ansible_ssh_common_args": f"-o ProxyJump=deploy@{BALANCER}"}}
        },
        "balancer": {"hosts": {BALANCER: None}},
    }
    site.ops.write(f"{INVENTORY}/hosts.yml", yaml.safe_dump({"all": {"children": hosts}}))
    site.ops.write(
        f"{INVENTORY}/host_vars/{BALANCER}/login.yml",
        yaml.safe_dump({"ansible_user": "deploy", "ansible_become_password": "{{ vaulted_word }}"}),
    )
    admin = (cluster.folder / "key.pub").read_text()
    site.hosts[BALANCER].write("/home/deploy/.ssh/authorized_keys", admin)
    site.hosts[BALANCER].run("chown", "-R", "deploy:", "/home/deploy/.ssh")
