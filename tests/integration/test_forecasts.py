"""A running agent tells what is about to be used up, from a Prometheus that remembers how it fell."""

import csv
import json
import math
import signal
import subprocess
import sys
import time

import pytest

from agent.reasons import Reason
from agent.records import IncidentState, Verdict
from tests.integration.workshop import Workshop
from tests.servers.history import backfill
from tests.servers.process import wait_until
from tests.servers.prometheus import running_prometheus

SECONDS_SEEN, LASTS_S = 3000, 6000
FORESEEN = {
    "id": "used_up_soon",
    "fault": "broken",
    "entity": "{host}",
    "confidence": 0.9,
    "when": {"forecast": "free", "within": "4h"},
    "evidence": "{host} is full in {free:duration}",
    "harm": "itself",
}
FREE = [{"name": "Free", "ansible.builtin.file": {"path": "{{ broken }}/freed", "state": "touch"}}]
VERIFY = {
    "settle": "200ms",
    "hold": "3s",
    "within": "30s",
    "checks": [{"query": 'test_free{host="{host}"}', "above": 9e8}, {"anomalies": "closed"}],
}
SIGNALS = [
    {"id": "free", "summary": "s", "query": "test_free", "role": "saturation", "bad": "low", "limit": 0},
    {"id": "calm", "summary": "s", "query": "test_calm", "role": "saturation", "bad": "low", "limit": 0},
]


@pytest.fixture(scope="module")
def begin():
    return math.floor(time.time()) - SECONDS_SEEN


@pytest.fixture(scope="module")
def remembering(tmp_path_factory, begin):
    folder = tmp_path_factory.mktemp("remembering")
    now = math.floor(time.time())
    backfill(folder / "data", lambda at: samples(at, begin), range(begin, now + 4, 2))
    with running_prometheus(folder, bare=True) as server:
        yield server


def samples(at, begin):
    """What an exporter shows: a disk that fills, and one that is left alone."""
    noise = math.sin(at * 12.9898) * 43758.5453 % 1
    labels = '{host="web1"}'
    return {
        f"test_free{labels}": max(0.0, 1e9 * (1 - (at - begin) / LASTS_S) + 1e6 * noise),
        f"test_calm{labels}": 1e9 + 1e6 * noise,
    }


def test_it_says_when_and_keeps_it(tmp_path, remembering, begin):
    workshop = Workshop(tmp_path, remembering)
    remembering.exporter.live = lambda: {**workshop._samples(), **samples(time.time(), begin)}
    remembering.expose({})
    workshop.write("rules/signals/free.yml", {"signals": SIGNALS})
    workshop.config["agent"]["mode"] = "observe"
    workshop.config["collect"].update({"poll": "15s", "history": "50m"})
    agent = workshop.start()
    try:
        wait_until(lambda: "normal is known" in workshop.log(), 120, workshop.log)
        wait_until(lambda: forecasts(workshop)["open"], 120, workshop.log)
        (one,) = forecasts(workshop)["open"]
        assert (one["entity"], one["signal"]) == ("web1", "free")
        left = begin + LASTS_S - time.time()
        assert one["said"]["left_s"] == pytest.approx(left, rel=0.1)
        assert one["said"]["low_s"] <= one["said"]["left_s"] <= one["said"]["high_s"]
        assert "web1 free: used up in" in opsmend(workshop, "forecasts")
    finally:
        agent.kill()
        agent.wait()
    assert len(forecasts(workshop)["open"]) == 1  # also where nobody looks


def test_a_fault_that_is_foreseen_is_prevented_in_its_time_and_not_before(tmp_path, remembering, begin):
    workshop = Workshop(tmp_path, remembering)
    begun = time.time()
    workshop.hosts = ["web1"]

    def live():
        shown = samples(time.time(), begin)
        if (workshop.broken / "freed").exists():
            shown = dict.fromkeys(shown, 1e9 + time.time() % 997)  # others go on writing
        return {**workshop._samples(), **shown}

    remembering.exporter.live = live
    remembering.expose({})
    workshop.write("rules/signals/free.yml", {"signals": SIGNALS})
    workshop.write("rules/diagnosis/test.yml", {"rules": [FORESEEN]})
    workshop.remediation("too_strong", FREE, priority=90)  # it prevents nothing
    workshop.remediation("make_room", FREE, prevents={"broken": "1m"}, verify=VERIFY)
    workshop.config["collect"].update({"poll": "2s", "history": "50m"})
    agent = workshop.start()
    stores = workshop.stores()
    try:
        (held,) = waited(workshop, lambda: stores.incidents.list([IncidentState.HELD]))
        assert (held.entity, held.forecast, held.reason) == ("web1", True, Reason.TOO_EARLY)
        assert held.title == "Forecast: It is broken: web1"
        left = begin + LASTS_S - begun
        assert 0.5 * left < held.waits_until.timestamp() - begun < left
        workshop.remediation("make_room", FREE, prevents={"broken": "2h"}, verify=VERIFY)
        agent.send_signal(signal.SIGHUP)
        (done,) = waited(workshop, lambda: stores.incidents.list([IncidentState.RECOVERED]))
        (run,) = stores.runs.of_incident(done.id)
        assert (run.plan.remediation, run.verdict) == ("make_room", Verdict.RECOVERED)
        (one,) = forecasts(workshop)["open"]  # nobody knows yet whether it stays averted
        assert one["entity"] == "web1"
    finally:
        agent.kill()
        agent.wait()


def test_a_file_is_foretold_without_settings_or_server(tmp_path):
    rows = [f"{1_700_000_000 + 60 * n},{90 - 0.5 * max(0, n - 60) + 0.05 * (n % 2)}" for n in range(200)]
    file, output = tmp_path / "metrics.csv", tmp_path / "predictions.csv"
    file.write_text("\n".join(['timestamp,"disk_free_bytes{instance=""web1""}"', *rows]) + "\n")
    command = [sys.executable, "-m", "agent.cli.main", "predict", str(file), "--output", str(output)]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    found = list(csv.DictReader(output.read_text().splitlines()))
    assert len(found) == 200
    told = ["fault", "probability", "confidence", "seconds_left", "alarm"]
    assert list(found[0]) == ["timestamp", "entity", *told]
    assert [(one["entity"], one["alarm"]) for one in (found[60], found[-1])] == [("web1", "0"), ("web1", "1")]
    assert float(found[-1]["seconds_left"]) == pytest.approx(41 * 60, rel=0.2)
    file.write_text("timestamp,a\nyesterday,1\n")
    refused = subprocess.run(command, check=False, timeout=60, capture_output=True, text=True)
    assert refused.returncode != 0
    assert "metrics.csv:2" in refused.stderr


def waited(workshop, found):
    wait_until(found, 120, workshop.log)
    return found()


def opsmend(workshop, *words):
    command = [sys.executable, "-m", "agent.cli.main", *words, "-c", str(workshop.folder / "opsmend.yml")]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def forecasts(workshop):
    return json.loads(opsmend(workshop, "forecasts", "--json"))
