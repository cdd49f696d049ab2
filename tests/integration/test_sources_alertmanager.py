"""Real Alertmanagers that send to a real agent, at paths and with credentials as people configure them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from agent.records import IncidentState
from tests.integration.workshop import TOKEN, Workshop, wait_for
from tests.servers.alertmanager import Alertmanager, running_alertmanager
from tests.servers.process import wait_until

RULE = {
    "id": "broken_by_alert",
    "fault": "broken",
    "entity": "{host}",
    "confidence": 0.95,
    "when": {"alert": "HostBroken"},
    "evidence": "an alert says that {host} is broken",
}
WAYS = {
    "bearer": ("/api/v1/alerts", {"authorization": {"credentials": TOKEN}}),
    "basic": ("/hooks/am?x=1", {"basic_auth": {"username": "alertmanager", "password": TOKEN}}),
}


@pytest.fixture
def address(workshop: Workshop) -> Iterator[str]:
    workshop.write("rules/diagnosis/test.yml", {"rules": [RULE]})
    workshop.config["agent"]["mode"] = "observe"
    found = workshop.api()
    process = workshop.start()
    try:
        wait_until(lambda: "port opened" in workshop.log(), 60, workshop.log)
        yield found
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture
def pair(address, tmp_path) -> Iterator[tuple[Alertmanager, Alertmanager]]:
    """Two that do not hear of each other: the worst case of a cluster, in which both send."""
    hooks = [{"url": address + path, "http_config": access} for path, access in WAYS.values()]
    with (
        running_alertmanager(tmp_path / "am1", hooks[0]) as one,
        running_alertmanager(tmp_path / "am2", hooks[1]) as other,
    ):
        yield one, other


def deliveries(workshop, address):
    """Return how often an alert came, and how many of them were news."""
    import requests

    counts = {}
    for line in requests.get(f"{address}/metrics", timeout=5).text.splitlines():
        if line.startswith("opsmend_alerts_total{"):
            counts[line.split('"')[1]] = float(line.split()[-1])
    return counts.get("changed", 0) + counts.get("known", 0), counts.get("changed", 0)


def test_two_replicas_make_one_alert_and_the_end_closes_it(pair, address, workshop):
    labels = {"alertname": "HostBroken", "instance": "web1:9100"}
    began = datetime.now(UTC) - timedelta(minutes=1)
    stores = workshop.stores()
    try:
        for number, one in enumerate(pair):  # their Prometheuses do not agree about the second
            one.fire(labels, began + timedelta(seconds=number))
        wait_until(
            lambda: deliveries(workshop, address) == (2, 1), 20, lambda: str(deliveries(workshop, address))
        )
        incident = wait_for(stores, IncidentState.HELD)
        assert incident.entity == "web1"
        assert len(stores.alerts.firing()) == 1
        for number, one in enumerate(pair):
            one.fire(labels, began + timedelta(seconds=number), resolved=True)
        wait_until(
            lambda: deliveries(workshop, address) == (4, 2), 20, lambda: str(deliveries(workshop, address))
        )
        wait_for(stores, IncidentState.CLEARED)
        assert stores.alerts.firing() == []
    finally:
        stores.close()


def test_a_cluster_of_two_tells_of_one_alert(address, workshop, tmp_path):
    path, access = WAYS["bearer"]
    hook = {"url": address + path, "http_config": access}
    with (
        running_alertmanager(tmp_path / "am1", hook, peers=[]) as one,
        running_alertmanager(tmp_path / "am2", hook, peers=[one.gossip]) as other,
    ):
        began = datetime.now(UTC)
        for manager in (one, other):
            manager.fire({"alertname": "HostBroken", "instance": "web2"}, began)
        wait_until(lambda: deliveries(workshop, address)[1] == 1, 60, lambda: workshop.log()[-2000:])


def test_what_alertmanager_leaves_out_is_asked_of_prometheus(address, workshop, tmp_path):
    path, access = WAYS["bearer"]
    hook = {"url": address + path, "http_config": access, "max_alerts": 1}
    names = [f"web{number}:9100" for number in range(1, 4)]
    alerts = {
        f'ALERTS{{alertname="HostBroken",alertstate="firing",instance="{name}",job=""}}': 1.0
        for name in names
    }
    workshop.prometheus.expose(alerts)
    stores = workshop.stores()
    try:
        with running_alertmanager(tmp_path / "am", hook, group_by=["alertname"]) as manager:
            for name in names:
                manager.fire(
                    {"alertname": "HostBroken", "instance": name, "cluster": "eu"}, datetime.now(UTC)
                )
            wait_until(lambda: len(stores.alerts.firing()) == len(names), 40, workshop.log)
        assert "left out by their sender" in workshop.log()
    finally:
        stores.close()
        workshop.prometheus.expose({})


def test_one_odd_alert_of_a_group_costs_no_other(address, workshop, tmp_path):
    path, access = WAYS["bearer"]
    hook = {"url": address + path, "http_config": access}
    stores = workshop.stores()
    try:
        with running_alertmanager(tmp_path / "am", hook, group_by=["alertname"]) as manager:
            began = datetime.now(UTC)
            for number, note in enumerate(("x" * 20_000, "short")):
                labels = {"alertname": "HostBroken", "instance": f"web{number}:9100"}
                manager.fire(labels, began, annotations={"description": note})
            wait_until(lambda: len(stores.alerts.firing()) == 2, 30, workshop.log)
    finally:
        stores.close()
