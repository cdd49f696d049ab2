"""Models that turn out worse are taken back with one command, whatever they are for, within seconds."""

import json
import os
import subprocess
import sys

import pytest
import yaml

from agent.background.places import shelf_of
from agent.background.shelves import KINDS
from agent.config import load_settings
from tests.trainings import make_training

OPTION = {"entity": (), "diagnosis": ("--diagnosis",), "failures": ("--failures",)}


@pytest.fixture(scope="module")
def makers():
    return {kind: make_training(kind) for kind in KINDS}


@pytest.fixture
def site(tmp_path, makers):
    """Two trainings of each kind on the shelves of an agent that does not run."""
    settings = {
        "agent": {"state_dir": str(tmp_path / "state"), "runtime_dir": str(tmp_path / "run")},
        "collect": {"prometheus": {"url": "http://127.0.0.1:9"}},
    }
    (tmp_path / "opsmend.yml").write_text(yaml.safe_dump(settings))
    (tmp_path / "state").mkdir()
    loaded = load_settings(tmp_path / "opsmend.yml", {})
    for kind, put in makers.items():
        for day in range(2):
            put(shelf_of(loaded, kind), day)
    return tmp_path


def models(site, *words):
    command = [sys.executable, "-m", "agent.cli.main", "models", *words, "-c", str(site / "opsmend.yml")]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def listed(site, kind, place="in_force"):
    found = json.loads(models(site, "list", "--json").stdout)
    return [one["name"] for one in found if one["kind"] == kind and one[place]]


FIRST, SECOND = "20260105T120000Z", "20260106T120000Z"


@pytest.mark.parametrize("kind", KINDS)
def test_one_command_goes_back_in_under_five_seconds(site, kind):
    assert listed(site, kind) == [SECOND]
    before = os.times()
    said = models(site, "rollback", *OPTION[kind])
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    assert spent < 5  # of the processor: others may be at work here
    assert f"{FIRST} ({kind}) is in force" in said.stdout
    models(site, "beside", SECOND, *OPTION[kind])
    assert (listed(site, kind), listed(site, kind, "beside")) == ([FIRST], [SECOND])
    models(site, "promote", SECOND, *OPTION[kind])
    assert (listed(site, kind), listed(site, kind, "beside")) == ([SECOND], [])


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_that_was_spoilt_is_refused_in_a_line_and_changes_nothing(site, kind):
    shelf = shelf_of(load_settings(site / "opsmend.yml", {}), kind)
    (file,) = (shelf.folder / FIRST).glob("00000.*")
    file.write_bytes(b"PK\x03\x04 nothing of ours")
    said = models(site, "rollback", *OPTION[kind])
    assert said.returncode != 0
    assert "refused" in said.stderr
    assert "Traceback" not in said.stderr
    assert listed(site, kind) == [SECOND]


def test_each_kind_is_compared_also_while_nothing_has_come_yet(site):
    said = models(site, "compare")
    assert said.returncode == 0, said.stderr
    for told in ("Entities: nothing runs beside", "Diagnosis: no incident", "Failures: nothing"):
        assert told in said.stdout
