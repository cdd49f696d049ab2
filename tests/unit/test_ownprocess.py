"""Modules of ours in processes of their own."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from agent.ownprocess import run_own

HANGS = """
import subprocess
child = subprocess.Popen(["sleep", "60"])
open({file!r}, "w").write(str(child.pid))
child.wait()
"""


def test_what_takes_too_long_is_ended_with_all_that_it_started(tmp_path):
    file = tmp_path / "pid"
    for patience in (1, 5, 25):  # the last for a machine on which Python itself takes long to start
        with pytest.raises(subprocess.TimeoutExpired):
            run_own("timeit", "-n1", "-r1", HANGS.format(file=str(file)), timeout_s=patience)
        if file.exists() and file.read_text():
            break
    child = Path("/proc", file.read_text(), "stat")
    deadline = time.monotonic() + 10
    while child.exists() and child.read_text().split()[2] != "Z" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not child.exists() or child.read_text().split()[2] == "Z"


def test_it_is_given_what_it_reads_and_says_what_it_found():
    done = run_own("base64", timeout_s=30, given=b"opsmend")
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, b"b3BzbWVuZA==", b"")
