"""A scenario in, the Prometheus configuration that a site with its hosts would have out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import yaml

from agent.workshop.scenario import Platform, Probe, Scenario

_EVERYWHERE = {"node": 9100, "process": 9256}
_PORTS = {"haproxy": 8405, "mysql": 9104, "postgres": 9187, "redis": 9121}
_MODULES = {"http": "http_2xx", "https": "https_2xx", "dns": "dns"}
_PROBES_EVERY = "3s"  # blackbox_exporter gives up half a second before: a slow answer must come before that


def prometheus_config(scenario: Scenario, scrape: str) -> dict[str, object]:
    """Return a configuration that scrapes every exporter and probe of a scenario."""
    names = [platform.name for platform in scenario.platforms]
    jobs = [_job(job, names, port) for job, port in _EVERYWHERE.items()]
    for kind, port in _PORTS.items():
        having = [platform.name for platform in scenario.platforms if kind in platform.exporters]
        jobs += [_job(kind, having, port)] if having else []
    for scheme, module in _MODULES.items():
        probes = [one for one in _probes(scenario.platforms) if urlsplit(one.url).scheme == scheme]
        jobs += [_probe_job(module, probes)] if probes else []
    return {"global": {"scrape_interval": scrape, "scrape_timeout": scrape}, "scrape_configs": jobs}


def _probes(platforms: Iterable[Platform]) -> list[Probe]:
    return [probe for platform in platforms for probe in platform.probes]


def _job(name: str, hosts: Iterable[str], port: int) -> dict[str, Any]:
    return {"job_name": name, "static_configs": [{"targets": [f"{host}:{port}" for host in hosts]}]}


def _probe_job(module: str, probes: Iterable[Probe]) -> dict[str, Any]:
    return {
        "job_name": module,
        "metrics_path": "/probe",
        "scrape_interval": _PROBES_EVERY,
        "scrape_timeout": _PROBES_EVERY,
        "params": {"module": [module]},
        "static_configs": [
            {"targets": [one.url.removeprefix("dns://")], "labels": {"unit": one.unit}} for one in probes
        ],
        "relabel_configs": [
            {"source_labels": ["__address__"], "target_label": "__param_target"},
            {"source_labels": ["__address__"], "target_label": "instance"},
            {"target_label": "__address__", "replacement": "localhost:9115"},
        ],
    }


def prober_config(configured: str) -> str:
    """Return a blackbox_exporter's configuration with what asks a resolver added."""
    config = yaml.safe_load(configured)
    question = {"query_name": "shop.test", "query_type": "A", "transport_protocol": "udp"}
    config["modules"]["dns"] = {"prober": "dns", "timeout": "2s", "dns": question}
    return str(yaml.safe_dump(config))
