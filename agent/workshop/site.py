"""A scenario in, a small site out: healthy hosts, a Prometheus that sees them, settings of an agent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import yaml

from agent.demo.hosts import Cluster
from agent.demo.playbooks import play
from agent.demo.samples import wait_for_samples
from agent.workshop.hosts import make_healthy, write_scenario_inventory
from agent.workshop.monitoring import prober_config, prometheus_config
from agent.workshop.places import Places
from agent.workshop.scenario import Scenario

_MONITOR = "monitor"
_SCRAPE = "1s"
_TIME_SCALE = 0.05  # of the waiting times of rules and remediations: a scrape a second, not every 15 s
_HOST_METRICS_EVERY_S = 0.5
_READY_TIMEOUT_S = 60


def build_site(cluster: Cluster, scenario: Scenario, places: Places, tell: Callable[[str], None]) -> str:
    """Start the hosts and whatever sees them; return the URL of the Prometheus once it has samples."""
    names = [platform.name for platform in scenario.platforms]
    cluster.start([*names, _MONITOR], scenario.mounts)
    write_scenario_inventory(cluster, scenario)
    make_healthy(cluster, scenario, places.roles)
    often = {"host_metrics_every_seconds": _HOST_METRICS_EVERY_S}
    play(cluster, places.shared / "monitored.yml", places.roles, variables=often)
    monitor = cluster.hosts[_MONITOR]
    monitor.write("/etc/prometheus/prometheus.yml", yaml.safe_dump(prometheus_config(scenario, _SCRAPE)))
    prober = "/etc/prometheus/blackbox.yml"
    monitor.write(prober, prober_config(monitor.run("cat", prober)))
    monitor.run("systemctl", "enable", "-q", "--now", "prometheus", "prometheus-blackbox-exporter")
    url = f"http://{monitor.address}:9090"
    _wait_until_seen(url, scenario, tell)
    return url


def write_settings(cluster: Cluster, url: str, places: Places) -> Path:
    """Write the settings of an agent that watches the site and may act by itself."""
    folder = cluster.folder.resolve()
    settings = {
        "agent": {
            "name": cluster.name,
            "mode": "auto",
            "state_dir": str(folder / "state"),
            "runtime_dir": str(folder / "run"),
            "log_format": "text",
            "time_scale": _TIME_SCALE,
        },
        "paths": {
            "rules": [str(one.resolve()) for one in places.rules],
            "playbooks": [str(one.resolve()) for one in places.playbooks],
            "inventory": str(folder / "inventory"),
        },
        "collect": {"poll": _SCRAPE, "history": "10m", "prometheus": {"url": url, "timeout": "5s"}},
        "verify": {"interval": _SCRAPE},
        "api": {"listen": None},
    }
    (folder / "state").mkdir(exist_ok=True)
    file = folder / "opsmend.yml"
    file.write_text(yaml.safe_dump(settings, sort_keys=False))
    return file


def _wait_until_seen(url: str, scenario: Scenario, tell: Callable[[str], None]) -> None:
    """Wait until every target was scraped, every probe answers, and the rates have two samples."""
    jobs = prometheus_config(scenario, _SCRAPE)["scrape_configs"]
    assert isinstance(jobs, list)
    targets = sum(len(static["targets"]) for job in jobs for static in job["static_configs"])
    probes = sum(len(platform.probes) for platform in scenario.platforms)
    wanted = {
        "count(up == 1)": targets,
        "count(probe_success == 1)": probes,
        "count(count_over_time(opsmend_host_memory_available_ratio[1m]) > 2)": len(scenario.platforms),
    }
    wait_for_samples(url, wanted, _READY_TIMEOUT_S, tell)
