"""Stock remediations on really broken hosts: those that a change concerns, and others each day.

All of them take too long for every change: make molecule.
"""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.errors import OpsmendError
from agent.workshop.molecule import changed_since, rotating_sample
from agent.workshop.places import Places

BASE = "main"
MOST = 3  # about half a minute each, two at a time


def turn_of_today(root: Path) -> list[str]:
    """Return what to run: first what differs from the main branch, then whose turn it is."""
    places = Places(rules=[root / "rules"], playbooks=[root / "playbooks"])
    folders = [file.parent for file in sorted((root / "playbooks").glob("*/remediation.yml"))]
    try:
        changed = changed_since(BASE, folders, places)
    except OpsmendError:  # a copy without history
        changed = []
    today = datetime.now(UTC).date()
    chosen = rotating_sample(changed, MOST - 1, today)
    others = [folder.name for folder in folders if folder.name not in changed]
    return [*chosen, *rotating_sample(others, max(1, MOST - 1 - len(chosen)), today)]


@pytest.mark.cluster
def test_what_changed_and_whose_turn_it_is_today_repair_a_broken_host(root):
    names = turn_of_today(root)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [Path(sys.executable).parent / "opsmend", "playbooks", "test", *names, "--jobs", "2"],
        cwd=root,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(f"{name}: passed" in done.stdout for name in names)
