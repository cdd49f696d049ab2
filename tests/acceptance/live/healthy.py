"""Hosts in good health in, load and deploys out: what goes on every day and must not be called a fault."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator

from agent.demo.hosts import Cluster, Host
from tests.acceptance.live.ending import reboot, scale_down, scale_up
from tests.acceptance.live.honest import honest_work

_PAUSE_S = 20.0  # between two deeds
_CHANGES_BETWEEN = 3  # two pieces of hard work
# jobs that end by themselves, one of them not with 0, and a worker that is started anew for each batch
_ENDING = {
    "report.service": "[Service]\nType=oneshot\nExecStart=/bin/sleep 2\n",
    "report.timer": "[Timer]\nOnCalendar=*:*:00\n[Install]\nWantedBy=timers.target\n",
    "sync.service": "[Service]\nExecStart=/bin/sh -c 'sleep 30; exit 3'\nSuccessExitStatus=3\n",
    "sync.timer": "[Timer]\nOnCalendar=*:0/2:30\n[Install]\nWantedBy=timers.target\n",
    "worker.service": (
        "[Service]\nExecStart=/bin/sleep 40\nRestart=always\nRestartSec=5\n"
        "[Install]\nWantedBy=multi-user.target\n"
    ),
}
_DRAIN_S = 3.0

Deed = Callable[[Cluster], object]


def deeds() -> Iterator[tuple[str, Deed]]:
    """Yield what a team does to its hosts all day, again and again, and some hard work after every third."""
    hard = itertools.cycle(honest_work())
    for number, change in enumerate(itertools.cycle(_changes()), 1):
        yield change
        if number % _CHANGES_BETWEEN == 0:
            yield next(hard)


def _changes() -> list[tuple[str, Deed]]:
    return [
        ("nginx reloaded on web1", lambda one: _reload(one.hosts["web1"])),
        ("release rolled out behind the load balancer", _roll_out),
        ("settings pushed to web2", lambda one: _push_settings(one.hosts["web2"])),
        ("shop3 restarted", lambda one: one.hosts["shop3"].run("systemctl", "restart", "shop")),
        ("nginx restarted on web2", lambda one: one.hosts["web2"].run("systemctl", "restart", "nginx")),
        ("haproxy reloaded", lambda one: one.hosts["lb"].run("systemctl", "reload", "haproxy")),
        ("release switched on shop4", lambda one: _switch(one.hosts["shop4"])),
        ("certificate renewed on web1", lambda one: _renew(one.hosts["web1"])),
        ("packages of files unpacked on shop3", lambda one: _unpack(one.hosts["shop3"])),
        ("logs rotated on web1", lambda one: _rotate(one.hosts["web1"])),
        ("replica restarted", lambda one: one.hosts["db2"].run("systemctl", "restart", "redis-server")),
        ("twice as many customers for a minute", _rush),
        ("a build takes a processor for half a minute", _build),
        ("exporter restarted on lb", lambda one: _restart_exporter(one.hosts["lb"])),
        ("second shop of shop4 scaled down", scale_down),
        ("shop2 rebooted", lambda one: reboot(one, "shop2")),
        ("second shop of shop4 scaled up", scale_up),
        ("replica's host rebooted", lambda one: reboot(one, "db2")),
    ]


def start_load(cluster: Cluster) -> None:
    """Send customers to every service."""
    urls = ["http://web1/", "http://web2/", "http://shop3:8080/", "http://shop4:8080/"]
    for number, url in enumerate(urls):
        cluster.hosts["lb"].run(
            "systemd-run", "--quiet", f"--unit=load{number}", "/usr/local/bin/shopper", url, "--per-second=3"
        )


def start_jobs(cluster: Cluster) -> None:
    """Give two hosts units that exit by design."""
    for name in ("web1", "shop3"):
        host = cluster.hosts[name]
        for unit, content in _ENDING.items():
            host.write(f"/etc/systemd/system/{unit}", content)
        host.run("systemctl", "daemon-reload")
        host.run("systemctl", "enable", "-q", "--now", "report.timer", "sync.timer", "worker.service")


def live_on(cluster: Cluster, until: float, tell: Callable[[str], object]) -> int:
    """Do one deed after another until a time (monotonic); return how many were done."""
    done = 0
    for what, deed in deeds():
        if time.monotonic() >= until:
            return done
        tell(what)
        deed(cluster)
        done += 1
        time.sleep(max(0.0, min(_PAUSE_S, until - time.monotonic())))
    return done


def _reload(host: Host) -> None:
    host.run("systemctl", "reload", "nginx")


def _roll_out(cluster: Cluster) -> None:
    """Take one server after another out of the load balancer, deploy, and put it back."""
    balancer = cluster.hosts["lb"]
    for name in ("shop1", "shop2"):
        _set_state(balancer, name, "drain")
        time.sleep(_DRAIN_S)
        _switch(cluster.hosts[name])
        time.sleep(1)
        _set_state(balancer, name, "ready")
        time.sleep(_DRAIN_S)


def _set_state(balancer: Host, server: str, state: str) -> None:
    talk = (
        "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/haproxy/admin.sock'); "
        f"s.sendall(b'set server web/{server} state {state}\\n'); s.recv(1000)"
    )
    balancer.run("python3", "-c", talk)


def _switch(host: Host) -> None:
    """Put the other of two good releases into use."""
    script = """
    now=$(readlink -f /srv/shop/current)
    case $now in */1.0.0) new=1.1.0;; *) new=1.0.0;; esac
    ln -sfn /srv/shop/releases/$new /srv/shop/current
    systemctl restart shop
    """
    host.run("sh", "-c", script)


def _push_settings(host: Host) -> None:
    script = (
        "echo 'client_max_body_size 8m; # pushed at '$(date +%s) > /etc/nginx/conf.d/pushed.conf"
        " && nginx -t -q && systemctl reload nginx"
    )
    host.run("sh", "-c", script)


def _renew(host: Host) -> None:
    script = (
        "cd /etc/nginx && openssl x509 -in shop.pem -signkey shop.key -days 90 -out shop.new 2> /dev/null "
        "&& cat shop.new > shop.pem && systemctl reload nginx"
    )
    host.run("sh", "-c", script)


def _unpack(host: Host) -> None:
    host.run("sh", "-c", "rm -rf /srv/unpacked; cp -r /usr/share/doc /srv/unpacked")


def _rotate(host: Host) -> None:
    script = "cd /var/log/nginx && mv access.log access.log.1 && systemctl kill --signal=USR1 nginx"
    host.run("sh", "-c", script)


def _rush(cluster: Cluster) -> None:
    cluster.hosts["lb"].run(
        "systemd-run", "--quiet", "--collect", "--property=RuntimeMaxSec=60",
        "/usr/local/bin/shopper", "http://127.0.0.1/", "--per-second=5",
    )  # fmt: skip


def _build(cluster: Cluster) -> None:
    cluster.hosts["web2"].run(
        "systemd-run", "--quiet", "--collect", "--property=RuntimeMaxSec=30", "--property=Nice=10",
        "sh", "-c", "while :; do gzip -c /usr/bin/prometheus > /dev/null; done",
    )  # fmt: skip


def _restart_exporter(host: Host) -> None:
    host.run("systemctl", "restart", "prometheus-node-exporter")
