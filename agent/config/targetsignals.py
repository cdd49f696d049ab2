"""The signals that are worked out from whether Prometheus reaches its targets: rules may name them like any.

They are made of ``exporter_up`` and ``http_probe_success`` and no query of their own: which targets are one
host is told by the one parser of instances, and since when hosts are silent together needs memory.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.config.conditions import (
    HOST_BACK,
    HOST_SCRAPED,
    HOST_SEEN,
    HOST_TARGETS,
    MONITORED_HOSTS,
    MONITORING_SEES,
    NETWORK_LOST,
    PROBER_WORKS,
)
from agent.config.rulefiles import Signal

NETWORK, MONITORING = "the network", "the monitoring"
"""What everything depends on, as entities."""


def _derived(id_: str, summary: str, entity: str, **fields: str) -> Signal:
    return Signal.model_validate(
        {
            "id": id_,
            "summary": summary,
            "query": "vector(0)",  # never asked
            "role": "availability",
            "entity": entity,
            "detect": False,
            **fields,
        }
    )


TARGET_SIGNALS: Mapping[str, Signal] = {
    one.id: one
    for one in (
        _derived(
            HOST_SEEN, "Whether a target of a host was scraped or a probe reached it", "{host}", bad="low"
        ),
        _derived(HOST_SCRAPED, "Whether any exporter of a host was scraped", "{host}", bad="low"),
        _derived(
            HOST_BACK, "How long a host that was silent has been back", "{host}", bad="none", unit="seconds"
        ),
        _derived(HOST_TARGETS, "Targets of a host that Prometheus scrapes", "{host}", bad="none"),
        _derived(
            NETWORK_LOST, "Hosts that fell silent at the same time and still are", "{scope}", bad="high"
        ),
        _derived(
            MONITORING_SEES, "Share of all scraped hosts that answer", "{scope}", bad="low", unit="ratio"
        ),
        _derived(MONITORED_HOSTS, "Hosts that Prometheus scrapes, beside its own", "{scope}", bad="none"),
        _derived(PROBER_WORKS, "Whether a job of probes can reach anybody", "{prober}", bad="low"),
    )
}
