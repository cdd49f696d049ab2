"""From the past in the store to a vote: trained by the command, asked by the agent, and taken back."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from agent.background.diagnosistrain import run_diagnosis_training
from agent.background.places import open_fault_shelf
from tests.incidents import keep_past, past_incident
from tests.integration.workshop import FAULTS, RULES, drive

PATIENCE_S = 240  # on a busy machine a process of low priority takes its time to start
LONG_AGO = datetime.now(UTC) - timedelta(days=30)


@pytest.fixture
def site(workshop):
    """An agent whose only rule cannot name what it sees."""
    names = [*FAULTS["faults"], *({"id": name, "summary": name} for name in ("unknown", "worn", "torn"))]
    workshop.write("rules/faults.yml", {"faults": names})
    unsure = {**RULES["rules"][0], "id": "odd", "fault": "unknown", "confidence": 0.4}
    workshop.write("rules/diagnosis/test.yml", {"rules": [unsure]})
    workshop.config["learn"] = {"diagnosis": {"budget": "100ms", "jobs": 1}}
    workshop.config["detect"] = {"models": {"enabled": False}}
    return workshop


def remember(agent, count):
    """Where ``healthy`` fell it was worn, where other signals did it was torn."""
    kinds = [(("healthy",), "worn"), (("b", "c"), "torn")]
    made = [(LONG_AGO + timedelta(hours=number), *kinds[number % 2]) for number in range(count)]
    keep_past(agent.stores, ((past_incident(signals, at), fault) for at, signals, fault in made))


def opsmend(site, *words):
    command = [sys.executable, "-m", "agent.cli.main", *words, "-c", str(site.save_config())]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def diagnosed(agent):
    def test():
        found = agent.stores.incidents.list(limit=1)
        return found and found[0].closed_at is None and found[0].fault == "worn"

    return test


def test_what_was_learned_from_the_past_names_what_no_rule_can(site, make_agent, tmp_path):
    agent = make_agent()
    remember(agent, 12)
    early = opsmend(site, "train", "--diagnosis")
    assert early.returncode != 0
    assert "12 of at least 40 incidents" in early.stderr
    remember(agent, 60)
    page = tmp_path / "training.html"
    said = opsmend(site, "train", "--diagnosis", "--json", "--report", str(page))
    trained = json.loads(said.stdout)
    assert (trained["in_force"], trained["origins"]) == (True, {"person": 72})
    assert all(
        f'aria-label="{picture}"' in page.read_text() for picture in ("Confusion matrix", "Calibration")
    )

    drive(agent, lambda: agent.pipeline.health.polls >= 2)
    site.break_host("web2")
    drive(agent, diagnosed(agent), PATIENCE_S)
    (incident,) = agent.stores.incidents.list(limit=1)
    assert f"classifier {trained['name']}" in incident.best.voters
    assert "signal:healthy" in incident.best.evidence[-1]

    file = site.folder / "state/models/diagnosis" / trained["name"] / "00000.skops"
    file.write_bytes(b"cos\nsystem\n(S'touch poisoned'\ntR.")
    os.utime(file.parents[1] / "current.json")  # as a promotion would have it read anew
    drive(agent, lambda: agent.learned.trained.status["refused"], PATIENCE_S)
    (why,) = agent.learned.trained.status["refused"]
    assert "refused" in why
    assert "\n" not in why
    polls = agent.pipeline.health.polls
    drive(agent, lambda: agent.pipeline.health.polls > polls)
    assert not list(site.folder.rglob("poisoned"))


def test_the_way_back_is_one_command_and_takes_less_than_five_seconds(site, make_agent):
    agent = make_agent()
    remember(agent, 60)
    first, second = (run_diagnosis_training(agent.settings, lambda step: None) for _ in range(2))
    assert first.in_force
    shelf = open_fault_shelf(agent.settings)
    if not second.in_force:  # how far its search came in its time decides
        shelf.promote(second.training.name, datetime.now(UTC))
    before = os.times()
    said = opsmend(site, "models", "rollback", "--diagnosis")
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    assert spent < 5  # of the processor: others may be at work here
    assert f"{first.training.name} (diagnosis) is in force" in said.stdout
    assert shelf.current() == first.training
    shown = json.loads(opsmend(site, "models", "list", "--json").stdout)
    assert [one["name"] for one in shown if one["in_force"]] == [first.training.name]
