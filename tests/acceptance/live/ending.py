"""What ends or goes away on purpose on a site in good health: a host that reboots, a service scaled down."""

from __future__ import annotations

import time
from dataclasses import replace

from agent.demo.hosts import Cluster
from agent.demo.image import PODMAN, run

_DOWN_S = 25.0  # how long a reboot takes
_UP_TIMEOUT_S = 60.0
_SECOND_SHOP = "shop@8082"


def reboot(cluster: Cluster, name: str) -> None:
    """Shut a host down in order and start it again; its new address is made known to the others."""
    host = cluster.hosts[name]
    run(*PODMAN, "stop", "--time", "20", host.container)
    time.sleep(_DOWN_S)
    run(*PODMAN, "start", host.container)
    address = run(
        "podman", "inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", host.container
    ).strip()
    cluster.hosts[name] = replace(host, address=address)
    own = "".join(f"{one.address} {one.name}\n" for one in cluster.hosts.values() if one.name != name)
    cluster.hosts[name].run("sh", "-c", "cat >> /etc/hosts", given=own)
    # the file is mounted: it can be written, not replaced
    moved = (
        f"sed 's/^[0-9.]* {name}$/{address} {name}/' /etc/hosts > /run/hosts && cat /run/hosts > /etc/hosts"
    )
    for other in cluster.hosts.values():
        other.run("sh", "-c", moved)
    config = cluster.ssh_config.read_text()
    cluster.ssh_config.write_text(config.replace(f"HostName {host.address}\n", f"HostName {address}\n"))
    deadline = time.monotonic() + _UP_TIMEOUT_S
    while not cluster.hosts[name].succeeds("systemctl", "is-system-running") and time.monotonic() < deadline:
        time.sleep(0.5)


def scale_down(cluster: Cluster) -> None:
    """Take one of two instances of a service away for good."""
    cluster.hosts["shop4"].run("systemctl", "disable", "-q", "--now", _SECOND_SHOP)


def scale_up(cluster: Cluster) -> None:
    """Bring it back."""
    cluster.hosts["shop4"].run("systemctl", "enable", "-q", "--now", _SECOND_SHOP)
