"""A training that is killed leaves no process of its pool behind, whether it was busy or waited for work."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.process import wait_until

TRIALS = """
import sys, time
from pathlib import Path
import numpy as np
from agent.learn.faults.algorithms import configurations
from agent.learn.faults.examples import Table
from agent.learn.faults.search import Journal, search
chance = np.random.default_rng(1)
rows, codes = chance.random((4000, 200)), chance.integers(0, 6, 4000)
table = Table(rows, codes, np.ones(4000), tuple("abcdef"))
search(configurations(), table, Journal(Path(sys.argv[1]) / "trials"), 600.0, 3)
"""
ENTITIES = """
import numpy as np
from agent.detect.models.training import EntityHistory, train_entities
KEYS = [(f"s{number}", {}) for number in range(12)]
def histories():
    for number in range(1000):
        values = np.random.default_rng(number).normal(50, 1, (3000, 12))
        yield EntityHistory(entity=f"e{number}", keys=KEYS, values=values, step_s=60.0)
if __name__ == "__main__":
    for model in train_entities(histories(), ("isolation_forest", "nearest", "relations"), 3):
        pass
"""


def stat_of(pid):
    """Return what the kernel says of a process: its state, its parent and more; nothing of none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def descendants(of):
    """Return the numbers of all processes below one."""
    numbers = [int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit()]
    parents = {pid: int(stat[1]) for pid in numbers if (stat := stat_of(pid))}
    found, new = set(), {of}
    while new:
        new = {pid for pid, parent in parents.items() if parent in new} - found
        found |= new
    return found


def alive(pid):
    return stat_of(pid)[:1] not in ([], ["Z"])


@pytest.mark.parametrize("code", [TRIALS, ENTITIES], ids=["trials", "entities"])
def test_no_process_outlives_a_training_that_is_killed(code, tmp_path):
    script = tmp_path / "training.py"
    script.write_text(code)
    training = subprocess.Popen([sys.executable, str(script), str(tmp_path)])
    left = set()
    try:
        wait_until(lambda: len(descendants(training.pid)) >= 3, 60)
        left = descendants(training.pid)
        training.send_signal(signal.SIGKILL)
        training.wait()
        wait_until(lambda: not any(map(alive, left)), 30, lambda: str([one for one in left if alive(one)]))
    finally:
        training.kill()
        for pid in filter(alive, left):
            os.kill(pid, signal.SIGKILL)
