"""When a training is due, how far it is, and what is left of it when it fails or the agent ends."""

import sys
from datetime import timedelta

import pytest

from agent.background.trainer import Trainer
from agent.config import load_settings
from agent.errors import RefusedError
from tests.servers.process import wait_until

# real processes, which say what a training says
TRAINS = """
import os, sys
print('{"phase": "training", "done": 1, "of": 4}', flush=True)
sys.stdin.read() if "stay" in sys.argv else None
print('{"trained": 4, "generation": "x"}', flush=True)
"""
FAILS = """
import sys
print('{"failed": "there is nothing to train on"}', flush=True)
sys.exit(1)
"""


@pytest.fixture
def make(tmp_path, clock):
    made = []

    def trainer(code=TRAINS, *arguments, diagnosis="false", **fields):
        config = tmp_path / "opsmend.yml"
        models = "".join(f"\n    {key}: {value}" for key, value in fields.items())
        config.write_text(
            f"agent: {{state_dir: state}}\ndetect:\n  models:\n    first_after: 10m{models}\n"
            f"learn: {{diagnosis: {{enabled: {diagnosis}}}, failures: {{enabled: false}}}}\n"
        )
        one = Trainer(load_settings(config, {}), config, clock)
        one._command = [sys.executable, "-c", code, *arguments]
        made.append(one)
        return one

    yield trainer
    for one in made:
        one.stop()


def ended(trainer):
    def test():
        trainer.turn()
        return trainer.pid is None

    wait_until(test, 20)


def test_the_first_training_waits_for_a_while_after_the_start(make, clock):
    trainer = make()
    trainer.turn()
    assert trainer.pid is None
    clock.move(minutes=11)
    trainer.turn()
    assert trainer.pid is not None


def test_it_is_told_how_far_it_is_and_how_it_ended(make, clock):
    trainer = make(TRAINS, "stay")
    clock.move(minutes=11)
    trainer.turn()
    wait_until(lambda: trainer.status.get("done") == 1, 20)
    assert trainer.status["of"] == 4
    trainer._process.stdin.close()
    ended(trainer)
    assert (trainer.status["state"], trainer.status["models"]) == ("trained", 4)


def test_a_training_that_failed_says_why_and_is_tried_again_later(make, clock):
    trainer = make(FAILS)
    clock.move(minutes=11)
    trainer.turn()
    ended(trainer)
    assert trainer.status["why"] == "there is nothing to train on"
    trainer.turn()
    assert trainer.pid is None
    clock.move(hours=2)
    trainer.turn()
    assert trainer.pid is not None


def test_it_ends_with_the_agent(make, clock):
    trainer = make(TRAINS, "stay")
    clock.move(minutes=11)
    trainer.turn()
    process = trainer._process
    trainer.stop()
    assert process.poll() is not None


def test_nothing_is_trained_when_the_settings_say_so(make, clock):
    trainer = make(enabled="false")
    clock.move(days=3)
    trainer.turn()
    assert trainer.pid is None


def test_models_that_are_young_enough_are_not_trained_again(make, clock, monkeypatch):
    trainer = make()
    began = clock.now()
    monkeypatch.setattr(trainer._shelves["entity"], "changed_at", lambda: began)
    clock.move(hours=20)
    trainer.turn()
    assert trainer.pid is None
    clock.time += timedelta(hours=5)
    trainer.turn()
    assert trainer.pid is not None


def test_what_a_training_says_last_is_heard_also_when_it_ends_at_once(make, clock):
    chatty = """
print('{"phase": "training", "done": 1, "of": 4}\\n' * 20000 + '{"trained": 4}', flush=True)
"""
    trainer = make(chatty)
    clock.move(minutes=11)
    trainer.turn()
    while trainer.pid is not None:
        trainer.turn()
    assert trainer.status["models"] == 4


LITTLE = """
import sys
print('{"failed": "there is too little to train on", "waits": true}' if sys.argv[-1] == "diagnosis" else
      '{"trained": 4, "generation": "x"}', flush=True)
sys.exit(sys.argv[-1] == "diagnosis")
"""


def test_the_diagnosis_is_trained_after_the_entities_and_tried_again_a_day_later(make, clock, monkeypatch):
    trainer = make(LITTLE, diagnosis="true")
    monkeypatch.setattr(trainer._shelves["entity"], "changed_at", lambda: clock.now())
    clock.move(minutes=11)
    trainer.turn()
    ended(trainer)
    assert trainer.jobs()[0].kind == "diagnosis"
    assert trainer.diagnosis_status["why"] == "there is too little to train on"
    assert trainer.status == {"state": "waiting"}
    clock.move(hours=2)
    trainer.turn()
    assert trainer.pid is None
    clock.move(hours=23)
    trainer.turn()
    assert trainer.pid is not None


def test_one_may_ask_for_the_kind_that_the_settings_want(make):
    trainer = make(diagnosis="true", enabled="false")
    assert trainer.request("ann", "diagnosis").kind == "diagnosis"
    with pytest.raises(RefusedError, match=r"detect\.models\.enabled"):
        trainer.request("ann", "entity")
    ended(trainer)
    assert trainer.jobs()[0].state == "trained"
