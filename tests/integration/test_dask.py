"""Algorithms are tried by a real Dask cluster where the settings name one, and here where it is away."""

import subprocess
import sys

import numpy as np
import pytest

from agent.learn.faults.algorithms import configurations
from agent.learn.faults.examples import Table
from agent.learn.faults.search import Journal, search
from tests.servers.process import free_port, wait_until

TRIED = [one for one in configurations() if one.algorithm == "linear"][:3]


def make_table():
    chance = np.random.default_rng(1)
    codes = chance.integers(0, 3, 150)
    return Table(chance.random((150, 5)) + codes[:, None], codes, np.ones(150), ("a", "b", "c"))


@pytest.fixture
def scheduler(tmp_path):
    """Return the address of a scheduler with one worker."""
    distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")
    address = f"tcp://127.0.0.1:{free_port()}"
    own = ["--host", "127.0.0.1", "--no-dashboard"]
    commands = (["scheduler", "--port", address.rpartition(":")[2], *own], ["worker", address, *own])
    started = [
        subprocess.Popen([sys.executable, "-m", "dask", *command], cwd=tmp_path, stderr=subprocess.DEVNULL)
        for command in commands
    ]

    def has_worker():
        try:
            with distributed.Client(address, timeout=5, set_as_default=False) as client:
                return client.scheduler_info()["workers"]
        except OSError:
            return False

    try:
        wait_until(has_worker, 60)
        yield address
    finally:
        for one in reversed(started):
            one.terminate()
        for one in started:
            try:
                one.wait(15)
            except subprocess.TimeoutExpired:
                one.kill()


def test_a_cluster_tries_the_algorithms_and_finds_what_this_machine_finds(scheduler, tmp_path, caplog):
    from distributed import Client, get_task_stream

    with Client(scheduler, set_as_default=False) as client, get_task_stream(client) as stream:
        found = search(TRIED, make_table(), Journal(tmp_path / "far"), 120.0, 1, dask=scheduler)
    assert len(stream.data) >= len(TRIED)
    assert "Dask cannot be used" not in caplog.text
    assert found == search(TRIED, make_table(), Journal(tmp_path / "near"), 120.0, 1)
    assert len(Journal(tmp_path / "far")) == len(Journal(tmp_path / "near"))


def test_where_the_scheduler_is_away_that_is_said_once_and_this_machine_goes_on(tmp_path, capsys):
    journal = Journal(tmp_path / "trials")
    away = f"tcp://127.0.0.1:{free_port()}"
    assert search(TRIED, make_table(), journal, 120.0, 1, dask=away) in TRIED
    assert len(journal) >= len(TRIED)
