"""The site of the live trial: nine real hosts in good health, a Prometheus that sees them, an agent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

from agent.demo.hosts import Cluster
from agent.demo.playbooks import play
from agent.demo.samples import wait_for_samples
from agent.workshop.hosts import make_healthy, write_scenario_inventory
from agent.workshop.monitoring import prometheus_config
from agent.workshop.places import Places
from agent.workshop.scenario import Platform, Probe, Scenario

HERE = Path(__file__).parent
MONITOR = "monitor"
_READY_TIMEOUT_S = 180
_AT_ONCE = 3  # hosts that one run of a playbook goes through, or it takes too long on a busy machine
_CHECK = ["/usr/local/bin/shop", "--check", "--config", "%s"]
_SHOP = {
    "lock_file": "/var/lib/shop/shop.lock",
    "port": 8080,
    "config_file": "/etc/shop/shop.conf",
    "config_check": _CHECK,
    "current_release": "/srv/shop/current",
}
_NGINX = {"config_file": "/etc/nginx/nginx.conf", "config_check": ["nginx", "-t", "-q", "-c", "%s"]}


def _web(name: str) -> Platform:
    probes = [
        Probe(url=f"http://{name}:80/", unit="nginx.service"),
        Probe(url=f"https://{name}:443/", unit="nginx.service"),
    ]
    return Platform(name=name, tmpfs=["/var/log/shop:size=20m"], probes=probes)


def _shop(name: str) -> Platform:
    return Platform(name=name, probes=[Probe(url=f"http://{name}:8080/", unit="shop.service")])


SITE = Scenario(
    remediation="live",
    folder=HERE,
    platforms=(
        Platform(
            name="lb", exporters=["haproxy"], probes=[Probe(url="http://lb:80/", unit="haproxy.service")]
        ),
        Platform(name="shop1"),
        Platform(name="shop2"),
        _shop("shop3"),
        _shop("shop4"),
        _web("web1"),
        _web("web2"),
        Platform(name="db1", exporters=["redis", "postgres"]),
        Platform(name="db2", exporters=["redis"]),
    ),
    group_variables={},
    host_variables={
        **{f"shop{number}": {"opsmend_services": {"shop.service": _SHOP}} for number in range(1, 5)},
        **{name: {"opsmend_services": {"nginx.service": _NGINX}} for name in ("web1", "web2")},
    },
)


def build(cluster: Cluster, places: Places, scrape: str, host_metrics_s: float) -> str:
    """Start the hosts, bring them into good health, and return the URL of the Prometheus that sees them."""
    cluster.start([*(platform.name for platform in SITE.platforms), MONITOR], SITE.mounts)
    write_scenario_inventory(cluster, SITE)
    make_healthy(cluster, SITE, places.roles)
    often = {"host_metrics_every_seconds": host_metrics_s}
    for some in batched([platform.name for platform in SITE.platforms], _AT_ONCE):
        play(cluster, places.shared / "monitored.yml", places.roles, limit=":".join(some), variables=often)
    monitor = cluster.hosts[MONITOR]
    monitor.write("/etc/prometheus/prometheus.yml", yaml.safe_dump(prometheus_config(SITE, scrape)))
    monitor.run("systemctl", "enable", "-q", "--now", "prometheus", "prometheus-blackbox-exporter")
    url = f"http://{monitor.address}:9090"
    _wait_until_seen(url)
    return url


def write_settings(
    cluster: Cluster, url: str, places: Places, poll: str, scale: float, mode: str = "observe"
) -> Path:
    """Write the settings of an agent that watches the site and touches nothing."""
    folder = cluster.folder.resolve()
    settings = {
        "agent": {
            "name": cluster.name,
            "mode": mode,
            "state_dir": str(folder / "state"),
            "runtime_dir": str(folder / "run"),
            "log_format": "text",
            "time_scale": scale,
        },
        "paths": {
            "rules": [str(one.resolve()) for one in places.rules],
            "playbooks": [str(one.resolve()) for one in places.playbooks],
            "inventory": str(folder / "inventory"),
        },
        "collect": {
            "poll": poll,
            "history": "1h",
            "prometheus": {"url": url, "timeout": "5s"},
            "topology": {"edges": [["lb", "shop1"], ["lb", "shop2"], ["db2", "db1"]]},
        },
        "diagnose": {"keep_for": f"{60 * scale:.0f}s"},
        "api": {"listen": None},
    }
    (folder / "state").mkdir(exist_ok=True)
    file = folder / "opsmend.yml"
    file.write_text(yaml.safe_dump(settings, sort_keys=False))
    return file


def batched(names: list[str], size: int) -> Iterator[list[str]]:
    """Yield names in lists of at most so many."""
    for start in range(0, len(names), size):
        yield names[start : start + size]


def _wait_until_seen(url: str) -> None:
    probes = sum(len(platform.probes) for platform in SITE.platforms)
    wanted = {
        "count(up == 1)": 2 * len(SITE.platforms) + 4 + probes,
        "count(probe_success == 1)": probes,
        "count(count_over_time(opsmend_host_memory_available_ratio[2m]) > 2)": len(SITE.platforms),
        "sum(redis_master_link_up)": 1,
        "count(pg_up == 1)": 1,
    }
    wait_for_samples(url, wanted, _READY_TIMEOUT_S)


def wait_for(condition: Callable[[], object], timeout_s: float, why: str) -> None:
    """Wait until a condition holds. Raises TimeoutError with ``why``."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{why} within {timeout_s:.0f} s")
        time.sleep(0.3)
