"""A whole agent that listens to Kafka and reads logs: what arrives becomes incidents."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from agent.livestatus import read_live_status
from tests.integration.workshop import Workshop
from tests.servers.kafka import Kafka
from tests.servers.process import free_port, wait_until
from tests.servers.search import OpenSearch

COMMON = {"entity": "{host}", "evidence": "it was said that {host} is in trouble"}
RULES = {
    "rules": [
        {**COMMON, "id": "by_event", "fault": "broken", "confidence": 0.95, "when": {"event": "failover"}},
        {**COMMON, "id": "unsure", "fault": "odd", "confidence": 0.5, "when": {"event": "hiccup"}},
        {
            **COMMON,
            "id": "by_log",
            "fault": "full",
            "confidence": 0.95,
            "when": {"log": "No space left on device", "at_least": 2, "within": "10m"},
        },
        {
            **COMMON,
            "id": "by_lines",
            "fault": "loud",
            "confidence": 0.6,
            "when": {"signal": "log_lines", "above": 1e9},
        },
    ]
}


@pytest.fixture(scope="module")
def kafka(tmp_path_factory) -> Iterator[Kafka]:
    server = Kafka(tmp_path_factory.mktemp("kafka"))
    with server.running():
        server.create("system-events")
        yield server


@pytest.fixture(scope="module")
def search(tmp_path_factory) -> Iterator[OpenSearch]:
    server = OpenSearch(tmp_path_factory.mktemp("search"))
    with server.running():
        yield server


def run(workshop: Workshop, poll="20s", **collect):
    """Start an agent whose polls are far apart: what it does in between, it does because it was told."""
    workshop.write("rules/faults.yml", {"faults": [{"id": one, "summary": "s"} for one in FAULTS]})
    workshop.write("rules/diagnosis/test.yml", RULES)
    workshop.config["collect"].update({"poll": poll, "history": "400s", **collect})
    workshop.config["agent"]["mode"] = "observe"
    process = workshop.start()
    wait_until(lambda: (read(workshop).get("polls") or 0) >= 1, 60, workshop.log)
    return process


FAULTS = ("broken", "odd", "full", "loud")


def read(workshop):
    return dict(read_live_status(workshop.folder / "run") or {})


def incidents(workshop):
    stores = workshop.stores()
    try:
        return {(one.fault, one.host) for one in stores.incidents.list([], 50)}
    finally:
        stores.close()


@pytest.fixture
def stopping():
    """Processes put in here are stopped at the end."""
    processes = []
    yield processes
    for process in processes:
        process.terminate()
        process.wait(timeout=40)


def test_an_event_of_a_sure_rule_opens_an_incident_between_polls(workshop, kafka, stopping):
    stopping.append(run(workshop, kafka={"brokers": kafka.bootstrap}))
    polls = read(workshop)["polls"]
    kafka.produce("system-events", ['{"kind": "hiccup", "host": "web2"}'])
    kafka.produce("system-events", ['{"kind": "failover", "host": "web1"}'])
    wait_until(lambda: ("broken", "web1") in incidents(workshop), 60, workshop.log)
    assert read(workshop)["polls"] <= polls + 1
    wait_until(lambda: ("odd", "web2") in incidents(workshop), 60, workshop.log)


def test_lines_in_the_log_open_an_incident_and_become_series(workshop, search, stopping):
    stopping.append(run(workshop, poll="2s", search={"url": search.url, "every": "1s"}))
    at = datetime.now(UTC) - timedelta(seconds=5)
    line = {"message": "cannot write /var/x: No space left on device", "host": "web3", "service.name": "cart"}
    stamps = [{"@timestamp": (at + timedelta(milliseconds=n)).isoformat()} for n in range(3)]
    search.index("logs-app", [{**line, **stamp} for stamp in stamps])
    wait_until(lambda: ("full", "web3") in incidents(workshop), 60, workshop.log)
    wait_until(lambda: read(workshop)["series"] >= 2, 60, workshop.log)
    good = {"records": 3, "trouble": None}
    wait_until(lambda: read(workshop)["sources"]["search"] == good, 60, lambda: str(read(workshop)))


def check(workshop, **collect):
    """Return what ``opsmend check`` says of the sources, and its exit code."""
    workshop.config["collect"].update(collect)
    file = workshop.save_config()
    command = [sys.executable, "-m", "agent.cli.main", "check", "--json", "-c", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = json.loads(done.stdout)["checks"]
    return {line["what"].split()[0]: line for line in lines}, done.returncode


def test_check_says_how_each_source_is(workshop, kafka, search):
    kafka.create("checked")
    kafka.produce("checked", ["one", "two"])
    at = datetime.now(UTC).isoformat()
    search.index("checked-logs", [{"@timestamp": at, "message": "m", "host": "web1"}])
    brokers = {"brokers": kafka.bootstrap, "topic": "checked"}
    found, code = check(workshop, kafka=brokers, search={"url": search.url, "index": "checked-*"})
    assert code == 0, found
    assert "1 partitions; 2 messages wait for group aiops-processor" in found["Kafka"]["text"]
    assert "OpenSearch 2" in found["search"]["text"]
    assert "1 lines within the last hour; no service known" in found["logs"]["text"]


def test_check_names_the_setting_that_is_wrong(workshop, kafka, search):
    at = datetime.now(UTC).isoformat()
    search.index("odd-logs", [{"@timestamp": at, "txt": "m"}])
    brokers = {"brokers": kafka.bootstrap, "topic": "nowhere"}
    found, code = check(workshop, kafka=brokers, search={"url": search.url, "index": "odd-*"})
    assert code == 6
    assert "(collect.kafka.topic)" in found["Kafka"]["text"]
    assert "1 lines, none with a text in message" in found["logs"]["text"]
    nobody = f"127.0.0.1:{free_port()}"
    found, code = check(workshop, kafka={"brokers": nobody}, search={"url": f"http://{nobody}"})
    assert code == 6
    assert "(collect.kafka.brokers)" in found["Kafka"]["text"]
    assert "refused (collect.search.url)" in found["search"]["text"]


def test_a_dead_source_is_said_once_and_does_not_hold_up_the_others(workshop, kafka, stopping):
    dead = f"http://127.0.0.1:{free_port()}"
    stopping.append(
        run(
            workshop,
            kafka={"brokers": kafka.bootstrap, "group": "other"},
            search={"url": dead, "every": "1s"},
        )
    )
    kafka.produce("system-events", ['{"kind": "failover", "host": "web1"}'])
    wait_until(lambda: ("broken", "web1") in incidents(workshop), 60, workshop.log)
    time.sleep(3)
    assert workshop.log().count("source cannot be read for now") == 1
    assert "collect.search.url" in read(workshop)["sources"]["search"]["trouble"]
