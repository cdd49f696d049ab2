"""An author with nothing but YAML: a new remediation passes every check and heals its fault."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.workshop.molecule import rotating_sample
from agent.workshop.places import Places
from agent.workshop.proof import prove
from agent.workshop.scenario import load_scenario

NAME = "trim_queue"


@pytest.fixture(scope="module")
def local(root, tmp_path_factory) -> tuple[Places, list[str]]:
    """The stock files and an author's own folders, and the options that name them."""
    own = tmp_path_factory.mktemp("author")
    places = Places(rules=[root / "rules", own / "rules"], playbooks=[root / "playbooks", own / "playbooks"])
    for folder in (*places.rules, *places.playbooks):
        folder.mkdir(exist_ok=True)
    rules = [word for folder in places.rules for word in ("--rules", str(folder))]
    playbooks = [word for folder in places.playbooks for word in ("--playbooks", str(folder))]
    opsmend(root, "playbooks", "new", NAME, *rules, *playbooks)
    return places, [*rules, *playbooks]


def opsmend(root: Path, *words: str) -> str:
    command = [str(Path(sys.executable).parent / "opsmend"), *words]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_new_remediation_passes_the_checks_as_it_is(root, local):
    assert "passed" in opsmend(root, "rules", "test", *local[1])
    assert f"good   {NAME}" in opsmend(root, "playbooks", "check", NAME, *local[1])


@pytest.mark.cluster
def test_a_new_remediation_passes_its_scenario_on_a_broken_host(root, local):
    assert f"{NAME}: passed" in opsmend(root, "playbooks", "test", NAME, *local[1])


@pytest.mark.cluster
def test_a_running_agent_heals_the_fault_of_a_new_remediation(local, tmp_path):
    scenario = load_scenario(local[0].playbooks[1] / NAME)
    assert prove(scenario, local[0], tmp_path, lambda text: None).wrong == []


@pytest.mark.cluster
def test_a_running_agent_heals_the_stock_fault_whose_turn_it_is_today(root, tmp_path):
    # all of them, with a table: make test-acceptance
    places = Places(rules=[root / "rules"], playbooks=[root / "playbooks"])
    folders = [file.parent for file in (root / "playbooks").glob("*/remediation.yml")]
    names = [folder.name for folder in folders if not load_scenario(folder).target.unmet]
    (name,) = rotating_sample(names, 1, datetime.now(UTC).date())
    assert prove(load_scenario(root / "playbooks" / name), places, tmp_path, lambda text: None).wrong == []
