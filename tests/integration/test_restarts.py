"""An agent is killed in a fault and started again: it is open as before, and closes once it is over.

What the source shows is dated in the past and goes by with the polls, so that hours take a minute.
"""

import math
import signal
import time
from datetime import datetime

import pytest

from agent.livestatus import read_live_status
from agent.records import IncidentState
from tests.integration.workshop import RULES, Workshop
from tests.servers.asof import AsOf
from tests.servers.fakeprometheus import FakePrometheus
from tests.servers.history import backfill
from tests.servers.process import wait_until
from tests.servers.prometheus import serving_blocks

STEP_S = 15
FASTER_S = 8 * STEP_S  # from one poll to the next, where not every sample need be seen
HEALTHY_S, FAULTY_S, LEFT_S, AGAIN_S = 5 * 86_400, 18_600, 1_800, 900
BEGAN = math.floor(time.time()) - FAULTY_S - LEFT_S - AGAIN_S - 600
TARGET = '{job="node",instance="web1"}'


def load(at):
    """Return what a host showed, sampled every fifteen seconds: noise, and in a fault more."""
    noise = math.sin(at * 12.9898) * 43758.5453 % 1
    faulty = 0 <= at - BEGAN < FAULTY_S or at - BEGAN >= FAULTY_S + LEFT_S
    return {f"load{TARGET}": 10 + noise + 30 * faulty, f"up{TARGET}": 1.0}


@pytest.fixture(scope="module")
def past(tmp_path_factory):
    """A Prometheus that remembers five healthy days, a fault of five hours, half an hour, a fault."""
    folder = tmp_path_factory.mktemp("past")
    times = range(BEGAN - HEALTHY_S, BEGAN + FAULTY_S + LEFT_S + AGAIN_S, STEP_S)
    backfill(folder / "data", load, times)
    with serving_blocks(folder, folder / "data") as url, AsOf(url, BEGAN).running() as asked:
        yield asked


@pytest.fixture
def world(tmp_path, past):
    made = Workshop(tmp_path, FakePrometheus(url=past.url))
    made.config["agent"]["mode"] = "observe"
    made.config["collect"] = {
        "poll": f"{STEP_S}s",
        "history": "1h",
        "prometheus": {"url": past.url, "seasons": "5d"},
    }
    made.config["detect"] = {"models": {"enabled": False}}
    watched = {"id": "load", "summary": "s", "query": "load", "role": "saturation", "entity": "{instance}"}
    made.write("rules/signals/load.yml", {"signals": [watched]})
    yield made
    made.kill_agents()


def begin(world, past, minutes):
    """Start the agent so many minutes after the fault began, and return it after its first poll."""
    past.at = BEGAN + minutes * 60
    runtime = world.folder / "run"
    process = world.start()
    wait_until(lambda: polled(runtime, process.pid), 240, world.log)
    return process


def end(process, how=signal.SIGKILL):
    process.send_signal(how)
    process.wait(timeout=60)


def found(world, past, minutes, how=signal.SIGKILL):
    """Start the agent so many minutes after the fault began, end it, and return what was open."""
    process = begin(world, past, minutes)
    anomalies = world.anomalies()
    end(process, how)
    return anomalies


def polled(runtime, pid):
    status = read_live_status(runtime) or {}
    return status.get("pid") == pid and status["polls"] > 0


def test_a_fault_is_open_after_each_start_since_it_began(world, past):
    (first,) = found(world, past, 5, signal.SIGTERM)
    (later,) = found(world, past, 50)
    (last,) = found(world, past, 300)
    assert first["opened_at"] == later["opened_at"] == last["opened_at"]
    assert datetime.fromisoformat(first["opened_at"]).timestamp() == pytest.approx(BEGAN, abs=60)
    assert first["confidence"] < later["confidence"] <= last["confidence"]
    assert last["observed"] != later["observed"]
    kept = world.folder / "state" / "detect" / "now.state"
    kept.write_bytes(kept.read_bytes()[:-100])
    (anew,) = found(world, past, 300)
    assert world.log().count("what was kept is not used") == 1
    assert "cut off" in world.log()
    assert datetime.fromisoformat(anew["since"]).timestamp() == pytest.approx(BEGAN, abs=600)
    assert not found(world, past, 330)


def test_killed_while_it_watches_the_incident_stays_and_the_fault_is_never_normal(world, past):
    world.config["collect"]["poll"] = "250ms"
    rule = {**RULES["rules"][0], "when": {"signal": "load", "anomaly": "any"}, "entity": "{instance}"}
    world.write("rules/diagnosis/load.yml", {"rules": [{**rule, "id": "strange", "evidence": "strange"}]})
    assert not found(world, past, -20, signal.SIGTERM)  # what is kept is from before the fault
    process = begin(world, past, -5)
    incidents = world.stores().incidents
    for minutes, each_s in ((5, STEP_S), (50, FASTER_S), (300, FASTER_S)):
        past.live(BEGAN + minutes * 60, each_s)
        wait_until(incidents.active, 60, world.log)
        (incident,) = incidents.active()
        end(process)
        process = begin(world, past, minutes + 5)
        (anomaly,) = world.anomalies()
        assert datetime.fromisoformat(anomaly["since"]).timestamp() == pytest.approx(BEGAN, abs=600)
        assert anomaly["expected_high"] < anomaly["observed"]
        assert [one.id for one in incidents.active()] == [incident.id]
    past.live(BEGAN + FAULTY_S + LEFT_S - 60, STEP_S)
    wait_until(lambda: not incidents.active(), 60, world.log)
    past.live(BEGAN + FAULTY_S + LEFT_S + AGAIN_S - 60, STEP_S)
    wait_until(incidents.active, 60, world.log)
    assert incidents.get(incident.id).state is IncidentState.CLEARED
