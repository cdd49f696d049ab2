"""How likely hosts fail, learned from a Prometheus that remembers their past incidents, told by an agent.

``make test-forecast`` runs it: the past has to be written first, which takes a while.
"""

import json
import math
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from agent.config import load_settings
from agent.records import IncidentState
from agent.store import open_stores
from agent.store.audit import STARTED
from tests.integration.workshop import Workshop
from tests.make import candidate, incident
from tests.servers.history import backfill
from tests.servers.process import wait_until
from tests.servers.prometheus import running_prometheus

pytestmark = pytest.mark.forecasts
DAYS, HOSTS, AHEAD_S = 12, [f"web{number}" for number in range(10)], 5 * 3600
SIGNAL = {"id": "queue", "summary": "s", "query": "test_queue", "role": "saturation", "bad": "high"}


@pytest.fixture(scope="module")
def now():
    return math.floor(time.time())


@pytest.fixture(scope="module")
def faults(now):
    """When which host broke: each about once in a day and a half, but web0 is only on its way."""
    chance = np.random.default_rng(5)
    begin, last = now - (DAYS - 1) * 86_400, now - 7 * 3600
    found = {host: sorted(chance.uniform(begin, last, 8).tolist()) for host in HOSTS}
    found["web0"].append(now + 1800)
    return found


@pytest.fixture(scope="module")
def remembering(tmp_path_factory, now, faults):
    folder = tmp_path_factory.mktemp("remembering")
    backfill(folder / "data", lambda at: samples(at, faults), range(now - DAYS * 86_400, now, 300))
    with running_prometheus(folder, bare=True) as server:
        yield server


def samples(at, faults):
    """What exporters show: queues that grow for five hours before their host breaks."""
    shown = {}
    for number, (host, times) in enumerate(faults.items()):
        left = min((one - at for one in times if one > at), default=math.inf)
        grown = 10 * max(0.0, 1 - left / AHEAD_S)
        noise = math.sin(at * 12.9898 + number) * 43758.5453 % 1
        shown[f'test_queue{{host="{host}"}}'] = 5 + grown + noise
    return shown


def test_a_failure_ahead_is_learned_and_told(tmp_path, remembering, faults, now):
    workshop = Workshop(tmp_path, remembering)
    remembering.exporter.live = lambda: {**workshop._samples(), **samples(time.time(), faults)}
    remembering.expose({})
    workshop.write("rules/signals/queue.yml", {"signals": [SIGNAL]})
    workshop.config["agent"]["mode"] = "observe"
    workshop.config["collect"].update({"poll": "5s", "history": "10m"})
    workshop.config["learn"] = {"failures": {"history": f"{DAYS}d"}}
    config = tmp_path / "opsmend.yml"
    workshop.write("opsmend.yml", workshop.config)
    keep(load_settings(config), {host: [at for at in times if at < now] for host, times in faults.items()})
    trained = json.loads(opsmend(config, "train", "--failures", "--json"))
    six_hours = trained["horizons"][1]
    assert (trained["in_force"], six_hours["worth_asking"]) == (True, True), six_hours["why"]
    assert six_hours["figures"]["brier"] < 0.7 * six_hours["figures"]["brier_base"]
    agent = workshop.start()
    try:
        wait_until(lambda: told(config)["failures"], 240, workshop.log)
        found = {one["host"]: one for one in told(config)["failures"] if one["horizon_s"] == 6 * 3600}
        assert set(found) == set(HOSTS)
        assert found["web0"]["now"] > 3 * found["web0"]["base"]
        assert max(one["now"] for host, one in found.items() if host != "web0") < found["web0"]["now"]
        assert "web0 within 6 h" in opsmend(config, "forecasts")
    finally:
        agent.kill()
        agent.wait()


def keep(settings, faults):
    """Write what was broken when into the store."""
    settings.database.parent.mkdir(exist_ok=True)
    stores = open_stores(settings.database)
    first = min(at for times in faults.values() for at in times)
    stores.audit.note(datetime.fromtimestamp(first, UTC) - timedelta(days=1), "opsmend", STARTED, "agent")
    for host, times in faults.items():
        for at in (datetime.fromtimestamp(one, UTC) for one in times):
            over = {
                "state": IncidentState.CLEARED,
                "symptomatic": False,
                "closed_at": at + timedelta(minutes=10),
            }
            seen = {"opened_at": at, "last_seen_at": at + timedelta(minutes=9)}
            broken = candidate("broken", entity=host, labels={"host": host})
            stores.incidents.add(incident(broken, **seen, **over), "t")
    stores.close()


def told(config):
    return json.loads(opsmend(config, "forecasts", "--json"))


def opsmend(config, *words):
    command = [sys.executable, "-m", "agent.cli.main", *words, "-c", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
