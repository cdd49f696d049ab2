"""Models that turn out worse are taken back with one command, within seconds."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import yaml

from agent.detect.models.shelf import Shelf
from agent.detect.models.training import EntityHistory, train_entities

MADE = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def site(tmp_path):
    """Two trainings on the shelf of an agent that does not run."""
    settings = {
        "agent": {"state_dir": str(tmp_path / "state"), "runtime_dir": str(tmp_path / "run")},
        "collect": {"prometheus": {"url": "http://127.0.0.1:9"}},
    }
    (tmp_path / "opsmend.yml").write_text(yaml.safe_dump(settings))
    chance = np.random.default_rng(1)
    history = EntityHistory(
        entity="web1",
        keys=[(f"s{number}", {"host": "web1"}) for number in range(3)],
        values=50 + chance.normal(0, 1, (400, 3)),
        step_s=60.0,
    )
    models = list(train_entities([history], ("nearest", "relations")))
    shelf = Shelf(tmp_path / "state" / "models")
    (tmp_path / "state").mkdir()
    for day in range(2):
        made = MADE + timedelta(days=day)
        shelf.put(models, made_at=made, trained_from=MADE - timedelta(days=7), trained_to=made)
    return tmp_path


def models(site, *words):
    command = [sys.executable, "-m", "agent.cli.main", "models", *words, "-c", str(site / "opsmend.yml")]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def in_force(site):
    return [one["name"] for one in json.loads(models(site, "list", "--json").stdout) if one["in_force"]]


def test_one_command_goes_back_in_under_five_seconds(site):
    assert in_force(site) == ["20261121T000000Z"]
    before = os.times()
    said = models(site, "rollback")
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    assert spent < 5  # of the processor: others may be at work here
    assert "20261120T000000Z is in force" in said.stdout
    assert in_force(site) == ["20261120T000000Z"]
    models(site, "promote", "20261121T000000Z")
    assert in_force(site) == ["20261121T000000Z"]


def test_a_training_that_was_spoilt_is_refused_and_changes_nothing(site):
    (site / "state/models/20261120T000000Z/00000.skops").write_bytes(b"PK\x03\x04 nothing of ours")
    said = models(site, "rollback")
    assert said.returncode != 0
    assert "refused" in said.stderr
    assert in_force(site) == ["20261121T000000Z"]
