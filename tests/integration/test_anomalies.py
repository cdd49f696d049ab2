"""What is anomalous reaches a real Alertmanager, people, the command and the port, and ends there too."""

import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
import requests

from agent.clock import SystemClock
from agent.collect.http import HttpClient
from agent.config.sources import AlertmanagerSection
from agent.errors import SourceError
from agent.livestatus import read_live_status
from agent.notify import AnomalyAlerts
from tests.integration.workshop import Workshop
from tests.make import anomaly
from tests.servers.alertmanager import running_alertmanager
from tests.servers.history import backfill
from tests.servers.inbox import running_inbox
from tests.servers.process import free_port, wait_until
from tests.servers.prometheus import running_prometheus

PROMETHEUS = "http://prometheus:9090"
NOBODY = {"url": "http://127.0.0.1:9/"}


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory):
    with running_alertmanager(tmp_path_factory.mktemp("alertmanager") / "server", NOBODY) as server:
        yield server


def teller(url, clock=None, **fields):
    section = AlertmanagerSection(url=url, timeout=timedelta(seconds=2), **fields)
    client = HttpClient("Alertmanager", "notify.alertmanager", section)
    return AnomalyAlerts(client, section, "test", PROMETHEUS, clock or SystemClock())


def sent(alertmanager, **labels):
    """Return the active alerts that carry these labels."""
    return [one for one in alertmanager.alerts() if labels.items() <= one["labels"].items()]


def test_an_open_anomaly_is_an_alert_that_explains_itself(alertmanager):
    tell = teller(alertmanager.url, labels={"severity": "page"})
    one = anomaly(signal="explained", labels={"instance": "web1:80", "bad-name": "x", "empty": ""})
    tell.announce([one])
    (alert,) = sent(alertmanager, signal="explained")
    assert alert["labels"] == {
        "alertname": "OpsmendAnomaly",
        "signal": "explained",
        "entity": one.entity,
        "instance": "web1:80",
        "layer": "series",
        "severity": "page",
        "opsmend": "test",
    }
    assert alert["annotations"]["expected"] == "1 to 2"
    assert alert["annotations"]["query"] == one.query
    assert "would be normal" in alert["annotations"]["summary"]
    assert alert["generatorURL"].startswith(f"{PROMETHEUS}/graph?g0.expr=")
    assert datetime.fromisoformat(alert["startsAt"]) == one.since


def test_it_ends_when_the_anomaly_closes(alertmanager):
    tell = teller(alertmanager.url)
    tell.announce([anomaly(signal="closing")])
    assert sent(alertmanager, signal="closing")
    tell.announce([])
    assert not sent(alertmanager, signal="closing")


def test_one_that_is_not_sure_is_not_sent_but_once_sent_stays_until_it_closes(alertmanager):
    tell = teller(alertmanager.url, confidence=0.9)
    tell.announce([anomaly(signal="doubtful", confidence=0.5)])
    assert not sent(alertmanager, signal="doubtful")
    tell.announce([anomaly(signal="doubtful", confidence=0.95)])
    tell.announce([anomaly(signal="doubtful", confidence=0.5, kind="trend")])
    (alert,) = sent(alertmanager, signal="doubtful")
    assert alert["annotations"]["kind"] == "trend"


@pytest.mark.parametrize("value", ["\udc80", "a" * 100_000, '"}\n{', "naïve ☃"])
def test_any_label_value_arrives(alertmanager, value):
    tell = teller(alertmanager.url)
    tell.announce([anomaly(signal="hostile", entity=value, labels={"part": value})])
    assert sent(alertmanager, signal="hostile")
    tell.announce([])
    assert not sent(alertmanager, signal="hostile")


class Hands:
    """A clock that is moved by hand."""

    def __init__(self):
        self.at = datetime.now(UTC)

    def now(self):
        return self.at

    def monotonic(self):
        return self.at.timestamp()


def test_what_could_not_be_sent_is_sent_when_the_alertmanager_is_back(tmp_path):
    port, clock = free_port(), Hands()
    tell = teller(f"http://127.0.0.1:{port}", clock)
    with pytest.raises(SourceError, match=r"notify\.alertmanager"):
        tell.announce([anomaly(signal="late")])
    tell.announce([anomaly(signal="late")])  # too soon: it is not asked again at every turn
    clock.at += timedelta(seconds=10)
    with running_alertmanager(tmp_path / "server", NOBODY, port=port) as server:
        tell.announce([anomaly(signal="late")])
        assert sent(server, signal="late")


def test_an_alert_is_kept_alive_by_sending_it_again(alertmanager):
    clock = Hands()
    tell = teller(alertmanager.url, clock)
    ends = []
    for _ in range(3):
        tell.announce([anomaly(signal="alive")])
        (alert,) = sent(alertmanager, signal="alive")
        ends.append(alert["endsAt"])
        clock.at += timedelta(minutes=1)
    assert ends == sorted(set(ends))


def load_at(at):
    return {'load{host="web1"}': 10 + (int(at * 4) * 7919 % 13) / 10}


@pytest.fixture
def watching_for_hours(tmp_path):
    """An agent's world whose Prometheus remembers three hours."""
    now = int(time.time())
    (tmp_path / "prometheus").mkdir()
    backfill(tmp_path / "prometheus" / "data", load_at, range(now - 3 * 3600, now, 15))
    with running_prometheus(tmp_path / "prometheus", bare=True) as server:
        yield Workshop(tmp_path, server)


def test_a_live_agent_tells_everybody(watching_for_hours, tmp_path, alertmanager):
    workshop = watching_for_hours
    jump = {"by": 0.0}
    workshop.prometheus.expose({})
    workshop.prometheus.exporter.live = lambda: {
        name: value + jump["by"] for name, value in load_at(time.time()).items()
    }
    signal = {"id": "load", "summary": "s", "query": "load", "role": "saturation"}
    workshop.write("rules/signals/load.yml", {"signals": [signal]})
    url = workshop.api()
    with running_inbox() as inbox:
        (tmp_path / "urls").write_text(inbox.url)
        workshop.config["collect"]["prometheus"]["seasons"] = "3h"
        workshop.config["detect"] = {"warm_up": 20, "close_after": 3, "models": {"enabled": False}}
        workshop.config["notify"] = {
            "targets": {"desk": {"url_file": str(tmp_path / "urls")}},
            "anomalies": {"targets": ["desk"], "confidence": 0.0},
            "alertmanager": {"url": alertmanager.url, "confidence": 0.0},
        }
        process = workshop.start()
        try:
            wait_until(lambda: polls(workshop) > 40, 90, workshop.log)
            assert not workshop.anomalies()
            jump["by"] = 100.0
            wait_until(lambda: workshop.anomalies(), 60, workshop.log)
            (found,) = opsmend(workshop, "anomalies", "--json")
            assert found["entity"] == "web1"
            assert found["expected_low"] < 11 < found["expected_high"] < 100 < found["observed"]
            assert workshop.prometheus.value(found["query"]) > 100
            headers = {"Authorization": f"Bearer {'a' * 20}"}
            answer = requests.get(f"{url}/api/v1/anomalies", headers=headers, timeout=10).json()
            assert [one["signal"] for one in answer["data"]] == ["load"]
            wait_until(lambda: sent(alertmanager, signal="load"), 60, workshop.log)
            wait_until(inbox.titles, 90, workshop.log)
            assert "1 anomaly is open" in inbox.titles()[0]
            # who says that it is none is believed, though it is as strange as it was
            said = opsmend(workshop, "anomaly", "wrong", found["id"], "-m", "a new customer", "--json")
            assert (said["kind"], said["note"], said["author"]) == ("no_anomaly", "a new customer", "root")
            wait_until(lambda: not sent(alertmanager, signal="load"), 90, workshop.log)
            assert not workshop.anomalies()
        finally:
            process.terminate()
            process.wait(timeout=30)


def opsmend(workshop, *words):
    command = [sys.executable, "-m", "agent.cli.main", *words, "-c", str(workshop.folder / "opsmend.yml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    return json.loads(done.stdout)


def polls(workshop):
    return (read_live_status(workshop.folder / "run") or {"polls": 0})["polls"]
