"""What is used up on live hosts at a steady rate, foreseen and prevented or not: ``make test-forecast``.

A service of the balancer leaks, and a file system of web2, where the agent is paused, fills. Both begin at
the same time and take six minutes. All of the agent's spans are a tenth of those of a site, so that the
planned restart is for the last two minutes of a leak instead of the last twenty.
"""

import json
import subprocess
import time
from datetime import UTC, datetime, timedelta

import pytest

from agent.collect import PrometheusSource
from agent.config.scalars import parse_duration
from agent.environment import own_python
from agent.reasons import Reason
from agent.records import IncidentState, Verdict
from agent.records.forecasts import ForecastState
from tests.acceptance.conftest import watching
from tests.servers.process import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.forecasts]
SCALE = 0.1
WINDOW = timedelta(minutes=20) * SCALE  # what relieve_memory_pressure says under 'prevents'
LASTS_S = 360
LEAK = f"""#!/usr/bin/python3
import os, time
kept, began = [], time.monotonic()
while True:
    while len(kept) < (time.monotonic() - began) / {LASTS_S} * 460 * 4:
        kept.append(os.urandom(1 << 18))
    time.sleep(0.2)
"""
UNIT = "[Service]\nExecStart=/usr/local/bin/ledger\n"
FILL = f"""#!/usr/bin/python3
import time
began, written = time.monotonic(), 0
with open("/var/log/shop/orders.bin", "wb", buffering=0) as file:
    while written < 20 << 20:
        wanted = min(int((time.monotonic() - began) / {LASTS_S} * (20 << 20)), 20 << 20)
        written += file.write(bytes(wanted - written))
        time.sleep(0.5)
"""


@pytest.fixture(scope="module")
def site(cluster, root):
    """The store and settings of an agent, a service that leaks, and a file system that fills."""
    made, url = cluster
    balancer, web = made.hosts["lb"], made.hosts["web2"]
    for host, name, program in ((balancer, "ledger", LEAK), (web, "filler", FILL)):
        host.write(f"/usr/local/bin/{name}", program)
        host.run("chmod", "755", f"/usr/local/bin/{name}")
    balancer.write("/etc/systemd/system/ledger.service", UNIT)
    balancer.run("systemctl", "daemon-reload")
    with watching(made, url, root, "5s", SCALE, predict={"least_span": "2m"}) as (stores, config):
        opsmend(config, "pause", "--comment", "a person is at work on it", "--host", "web2")
        time.sleep(75)  # how it is when nothing is wrong
        balancer.run("systemctl", "start", "ledger")
        web.run("systemd-run", "--quiet", "--unit", "filler", "/usr/local/bin/filler")
        yield stores, config
        balancer.run("systemctl", "stop", "ledger")


def test_a_leak_is_foreseen_prevented_in_its_window_and_scored(cluster, site):
    stores, config = site
    log = cluster[0].folder / "agent.log"
    began = datetime.now(UTC)
    said = []

    def settled():
        said.extend(one.now for one in forecasts_of(stores.forecasts.open(), "lb") if one.now not in said)
        return [one for one in of_fault(stores, "memory_pressure", "lb") if one.state.settled]

    wait_until(settled, LASTS_S + 240, log.read_text)
    (incident,) = of_fault(stores, "memory_pressure", "lb")
    assert incident.state is IncidentState.RECOVERED
    assert incident.title.startswith("Forecast: ")
    held = [one for one in stores.incidents.transitions(incident.id) if one.state is IncidentState.HELD]
    assert Reason.TOO_EARLY in {one.reason for one in held}
    (run,) = stores.runs.of_incident(incident.id)
    assert (run.plan.remediation, run.verdict) == ("relieve_memory_pressure", Verdict.RECOVERED)
    assert run.plan.parameters == {"memory_foreseen": True}
    known = max((one for one in said if one.at <= run.created_at), key=lambda one: one.at)
    assert known.low_at(run.created_at) < WINDOW
    assert held[0].at + timedelta(seconds=20) < run.created_at
    assert least_memory(cluster[1], datetime.now(UTC) - began) > 0.1  # from where on it is a fault
    wait_until(lambda: forecasts_of(stores.forecasts.over(), "lb"), 400, log.read_text)
    (scored,) = forecasts_of(stores.forecasts.over(), "lb")
    assert scored.state is ForecastState.AVERTED
    shown = json.loads(opsmend(config, "forecasts", "--json"))["over"]
    assert ("lb", "averted") in {(one["entity"], one["state"]) for one in shown}


def test_what_nobody_may_prevent_comes_and_its_forecast_is_scored(cluster, site):
    stores, config = site
    entity = "web2:/var/log/shop"
    wait_until(lambda: forecasts_of(stores.forecasts.over(), entity), LASTS_S + 120, lambda: told(cluster))
    (scored,) = forecasts_of(stores.forecasts.over(), entity)
    assert scored.state is ForecastState.CAME
    assert abs(scored.took - scored.said.left) < 0.2 * scored.took
    (incident,) = of_fault(stores, "disk_full", entity)
    assert not stores.runs.of_incident(incident.id)
    assert stores.forecasts.calibration().came >= 1
    assert f"{entity} filesystem_free_bytes: said " in opsmend(config, "forecasts")


def of_fault(stores, fault, entity):
    found = stores.incidents.list(limit=1000)
    return [one for one in found if one.fault == fault and one.entity == entity]


def forecasts_of(found, entity):
    return [one for one in found if one.entity == entity]


def least_memory(url, span):
    """Return the least share of memory that programs on the balancer could still get."""
    query = f'min_over_time(opsmend_host_memory_available_ratio{{instance=~"lb:.*"}}[{span.seconds}s])'
    source = PrometheusSource(url, parse_duration("5s"))
    try:
        return min(source.query(query).values)
    finally:
        source.close()


def told(cluster):
    return (cluster[0].folder / "agent.log").read_text()


def opsmend(config, *words):
    command = own_python("agent.cli.main", *words, "--config", str(config))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
