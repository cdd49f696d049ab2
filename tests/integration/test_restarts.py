"""An agent is killed in a fault and started again: it is open as before, and closes once it is over."""

import math
import signal
import time
from datetime import datetime

import pytest

from agent.livestatus import read_live_status
from tests.integration.workshop import Workshop
from tests.servers.asof import AsOf
from tests.servers.fakeprometheus import FakePrometheus
from tests.servers.history import backfill
from tests.servers.process import wait_until
from tests.servers.prometheus import serving_blocks

STEP_S = 15
HEALTHY_S, FAULTY_S, LEFT_S = 36_000, 18_300, 1_800
BEGAN = math.floor(time.time()) - FAULTY_S - LEFT_S - 600
TARGET = '{job="node",instance="web1"}'


def load(at):
    """Return what a host showed, sampled every fifteen seconds: noise, and in the fault more."""
    noise = math.sin(at * 12.9898) * 43758.5453 % 1
    more = 30 if BEGAN <= at < BEGAN + FAULTY_S else 0
    return {f"load{TARGET}": 10 + noise + more, f"up{TARGET}": 1.0}


@pytest.fixture(scope="module")
def past(tmp_path_factory):
    """A Prometheus that remembers ten healthy hours, five of a fault, and half an hour after it."""
    folder = tmp_path_factory.mktemp("past")
    times = range(BEGAN - HEALTHY_S, BEGAN + FAULTY_S + LEFT_S, STEP_S)
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
        "prometheus": {"url": past.url, "seasons": "1d"},
    }
    made.config["detect"] = {"models": {"enabled": False}}
    watched = {"id": "load", "summary": "s", "query": "load", "role": "saturation", "entity": "{instance}"}
    made.write("rules/signals/load.yml", {"signals": [watched]})
    yield made
    made.kill_agents()


def found(world, past, minutes, end=signal.SIGKILL):
    """Start the agent so many minutes after the fault began, end it, and return what was open."""
    past.at = BEGAN + minutes * 60
    runtime = world.folder / "run"
    process = world.start()
    wait_until(lambda: polled(runtime, process.pid), 240, world.log)
    anomalies = world.anomalies()
    process.send_signal(end)
    process.wait(timeout=60)
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
