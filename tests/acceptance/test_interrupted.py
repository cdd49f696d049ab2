"""Scenarios that somebody ends leave no host, no agent and no file."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.workshop.hosts import cluster_name, site_name
from agent.workshop.scenario import load_scenario


def hosts_of(cluster: str) -> list[str]:
    command = ["podman", "ps", "-aq", "--filter", f"label=opsmend.cluster={cluster}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("command", "number", "named"),
    [("prove", signal.SIGTERM, site_name), ("test", signal.SIGINT, cluster_name)],
)
def test_whoever_ends_a_scenario_finds_nothing_left_of_it(root, tmp_path, command, number, named):
    remediation = "set_textfile_aside"
    cluster = named(load_scenario(root / "playbooks" / remediation))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(
        [Path(sys.executable).parent / "opsmend", "playbooks", command, remediation],
        cwd=root,
        env={**os.environ, "PATH": path, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        deadline = time.monotonic() + 300
        while not hosts_of(cluster) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.2)
        process.send_signal(number)
        said, _ = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 130, said
    assert "the hosts are removed" in said
    assert hosts_of(cluster) == []
    assert [*tmp_path.iterdir()] == []
