"""The agent's clock is set back while it works: by a library that does it for that process alone."""

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.livestatus import read_live_status
from agent.records import IncidentState
from tests.servers.process import wait_until

SOURCE = Path(__file__).parents[1] / "servers" / "recipes" / "shiftclock.c"
# what the agent starts goes by the real clock
START = """\
import os, runpy
os.environ.pop("LD_PRELOAD")
runpy.run_module("agent.cli.main", run_name="__main__")
"""


@pytest.fixture
def shifted(workshop):
    """Start the agent; return what shifts its wall clock by some seconds, and leaves its monotonic one."""
    compiler, shift = shutil.which("cc"), workshop.folder / "shift"
    if compiler is None:
        pytest.skip("there is no C compiler")
    library = workshop.folder / "shiftclock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
    shift.write_text("0")
    environment = {**os.environ, "LD_PRELOAD": str(library), "SHIFT": str(shift)}
    command = [sys.executable, "-c", START, "run", "-c", str(workshop.save_config())]
    with (workshop.folder / "agent.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        wait_until(lambda: polls(workshop) > 2, 90, workshop.log)
        yield lambda seconds: shift.write_text(str(seconds))
    finally:
        process.terminate()
        process.wait(timeout=60)


def polls(workshop):
    return (read_live_status(workshop.folder / "run") or {}).get("polls") or 0


def test_a_date_that_is_set_back_stops_nothing_and_is_said_once(workshop, shifted):
    shifted(-3600)
    wait_until(lambda: "the clock was set back" in workshop.log(), 30, workshop.log)
    before = polls(workshop)
    wait_until(lambda: polls(workshop) > before + 4, 30, workshop.log)
    written = read_live_status(workshop.folder / "run")["written_at"]
    assert datetime.fromisoformat(written) < datetime.now(UTC) - timedelta(minutes=50)
    workshop.break_host("web1")
    stores = workshop.stores()
    try:
        wait_until(lambda: settled_all(stores), 120, workshop.log)
        (incident,) = stores.incidents.list()
        assert incident.state is IncidentState.RECOVERED
    finally:
        stores.close()
    assert workshop.log().count("the clock was set back") == 1


def settled_all(stores):
    found = stores.incidents.list()
    return found and all(one.state.settled for one in found)
