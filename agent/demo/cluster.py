"""The demo's cluster: two web hosts behind a load balancer, a real Prometheus, and the agent beside them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from agent.config.stock import stock_folder
from agent.demo.hosts import Cluster
from agent.demo.image import DemoError
from agent.demo.playbooks import play, write_inventory
from agent.demo.samples import wait_for_samples
from agent.environment import own_python
from agent.livestatus import read_live_status

NAME = "opsmend-demo"
WEB, BALANCER, MONITOR = ("web1", "web2"), "lb", "monitor"
SHOP_LOGS = "/var/log/shop"
PROMETHEUS_PORT = 9090
_SCRAPE = "1s"
_ROLES = {
    **dict.fromkeys(WEB, ("nginx",)),
    BALANCER: ("haproxy",),
    MONITOR: ("prometheus", "prometheus-blackbox-exporter"),
}
_METRICS_EVERY_S = 5
_READY_TIMEOUT_S = 180  # a busy machine takes its time
_STOP_TIMEOUT_S = 30

# every target must have been scraped, and the rates need two samples
_READY = {
    "count(up == 1)": 10.0,
    'count(node_systemd_unit_state{state="active",name=~"(nginx|haproxy).service"} == 1)': 3.0,
    "count(probe_success == 1)": 3.0,
}


def start_cluster(cluster: Cluster) -> str:
    """Start the hosts, give them their roles, and return the URL of their Prometheus once it has samples."""
    mounts = {web: [f"{SHOP_LOGS}:size=20m"] for web in WEB}
    cluster.start(_ROLES, mounts)
    monitor = cluster.hosts[MONITOR]
    monitor.write("/etc/prometheus/prometheus.yml", yaml.safe_dump(_prometheus_config()))
    _let_be_seen(cluster)
    for name, services in _ROLES.items():
        cluster.hosts[name].run("systemctl", "enable", "-q", "--now", *services)
    url = f"http://{monitor.address}:{PROMETHEUS_PORT}"
    wait_for_samples(url, _READY, _READY_TIMEOUT_S)
    return url


def _let_be_seen(cluster: Cluster) -> None:
    """Start the exporters, and what measures the metrics that no exporter has, as on hosts of a site."""
    playbooks = stock_folder() / "playbooks"
    write_inventory(cluster, dict.fromkeys((*WEB, BALANCER)))
    variables = {"host_metrics_every_seconds": _METRICS_EVERY_S, "host_metrics_log_directories": []}
    play(cluster, playbooks / "molecule" / "monitored.yml", [playbooks / "roles"], variables=variables)


def write_agent_config(cluster: Cluster, url: str, root: Path, poll: str = "1s", scale: float = 0.05) -> Path:
    """Write the agent's settings for a cluster; ``root`` holds rules, playbooks and inventories."""
    folder = cluster.folder
    settings = {
        "agent": {
            "name": cluster.name,
            "mode": "auto",
            "state_dir": str((folder / "state").resolve()),
            "runtime_dir": str((folder / "run").resolve()),
            "log_format": "text",
            "time_scale": scale,
        },
        "paths": {
            "rules": str(root / "rules"),
            "playbooks": str(root / "playbooks"),
            "inventory": str(root / "inventories" / "demo"),
        },
        "collect": {"poll": poll, "history": "10m", "prometheus": {"url": url, "timeout": "5s"}},
        "verify": {"interval": poll},
        "api": {"listen": f"127.0.0.1:{_free_port()}"},
    }
    file = folder / "opsmend.yml"
    file.write_text(yaml.safe_dump(settings, sort_keys=False))
    (folder / "state").mkdir(exist_ok=True)
    return file


def agent_environment(cluster: Cluster) -> dict[str, str]:
    """Return the environment that inventories/demo needs to find the hosts."""
    return {**os.environ, "OPSMEND_DEMO_DIR": str(cluster.folder.resolve())}


def start_agent(
    cluster: Cluster, config: Path, tell: Callable[[str], None] = lambda text: None
) -> subprocess.Popen[bytes]:
    """Start the agent as a process of its own, its log in ``agent.log``, and wait until it polls.

    ``tell`` hears that it waits, again and again; what it raises stops the agent.
    """
    log = cluster.folder / "agent.log"
    command = own_python("agent.cli.main", "run", "--config", str(config))
    with log.open("ab") as stream:
        process = subprocess.Popen(
            command, stdout=stream, stderr=stream, env=agent_environment(cluster), start_new_session=True
        )
    try:
        _wait_for_first_polls(cluster, process, tell)
    except BaseException:
        stop_agent(process)
        raise
    return process


def stop_agent(process: subprocess.Popen[bytes]) -> None:
    """Stop the agent in order, and by force when it takes too long."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_first_polls(
    cluster: Cluster, process: subprocess.Popen[bytes], tell: Callable[[str], None]
) -> None:
    deadline = time.monotonic() + _READY_TIMEOUT_S
    while time.monotonic() < deadline:
        tell("starting the agent")
        if process.poll() is not None:
            raise DemoError(f"the agent ended at once; see {cluster.folder / 'agent.log'}")
        status = read_live_status(cluster.folder / "run")
        if status and status["pid"] == process.pid and status["polls"] >= 3:
            return
        time.sleep(0.1)
    raise DemoError(f"the agent did not begin to poll; see {cluster.folder / 'agent.log'}")


def _prometheus_config() -> dict[str, object]:
    hosts = [*WEB, BALANCER]
    probes = [
        {"targets": [f"{web}:80" for web in WEB], "labels": {"unit": "nginx.service"}},
        {"targets": [f"{BALANCER}:80"], "labels": {"unit": "haproxy.service"}},
    ]
    return {
        "global": {"scrape_interval": _SCRAPE, "scrape_timeout": _SCRAPE},
        "scrape_configs": [
            {"job_name": "node", "static_configs": [{"targets": [f"{host}:9100" for host in hosts]}]},
            {"job_name": "process", "static_configs": [{"targets": [f"{host}:9256" for host in hosts]}]},
            {"job_name": "haproxy", "static_configs": [{"targets": [f"{BALANCER}:8405"]}]},
            {
                "job_name": "probe",
                "metrics_path": "/probe",
                "params": {"module": ["http_2xx"]},
                "static_configs": probes,
                "relabel_configs": [
                    {"source_labels": ["__address__"], "target_label": "__param_target"},
                    {"source_labels": ["__address__"], "target_label": "instance"},
                    {"target_label": "__address__", "replacement": "localhost:9115"},
                ],
            },
        ],
    }
