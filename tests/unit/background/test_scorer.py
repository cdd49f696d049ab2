"""The agent's end of the scoring process: bounded waiting, death, silence, the end."""

import sys
import time
from pathlib import Path

import pytest

from agent.background.scorer import ScorerProcess
from agent.clock import SystemClock

# a real process that speaks the real protocol, and does with a question what the question says
CHILD = """
import os, time
from agent.background.messages import Message, incoming, write_message
out = os.fdopen(os.dup(1), "wb")
questions = incoming()
while True:
    asked = questions.get().header
    if asked.get("do") == "die":
        os._exit(3)
    time.sleep(asked.get("sleep", 0))
    write_message(out, Message({"number": asked["number"], "pid": os.getpid()}))
"""


class FastClock(SystemClock):
    """Runs a hundred times as fast, so that pauses are short."""

    def monotonic(self) -> float:
        return super().monotonic() * 100


@pytest.fixture
def scorer(tmp_path: Path):
    script = tmp_path / "child.py"
    script.write_text(CHILD)
    made = ScorerProcess((tmp_path, tmp_path / "diagnosis"), (), 20.0, FastClock(), lambda: True)
    made._command = [sys.executable, str(script)]
    yield made
    made.stop()


def test_a_question_has_its_answer(scorer):
    answer = scorer.ask({}, b"payload")
    assert answer["pid"] == scorer.pid


def test_a_process_that_died_is_started_again_and_costs_one_answer(scorer):
    first = scorer.ask({}, b"")["pid"]
    assert scorer.ask({"do": "die"}, b"") is None
    time.sleep(0.05)
    assert scorer.ask({}, b"")["pid"] != first


def test_while_it_pauses_after_a_death_nothing_waits(scorer):
    scorer.ask({}, b"")
    for _ in range(3):
        scorer.ask({"do": "die"}, b"")
        time.sleep(0.1)
    scorer._not_before = scorer._clock.monotonic() + 1e6
    began = time.monotonic()
    assert scorer.ask({}, b"") is None
    assert time.monotonic() - began < 10  # an answer is waited for 20 s


def test_a_late_answer_is_no_answer_and_the_next_question_does_not_get_it(scorer):
    scorer.ask({}, b"")
    scorer._timeout_s = 0.05
    assert scorer.ask({"sleep": 0.3}, b"") is None
    assert scorer.ask({}, b"") is None  # the first is still at work: nobody waits
    time.sleep(0.6)
    scorer._timeout_s = 20.0
    assert scorer.ask({}, b"")["number"] == 3


def test_a_process_that_hangs_is_ended(scorer):
    first = scorer.ask({}, b"")["pid"]
    scorer._timeout_s = 0.01
    assert scorer.ask({"sleep": 1000}, b"") is None
    time.sleep(0.7)  # seventy of the fast clock's seconds
    scorer.ask({}, b"")
    time.sleep(0.2)
    scorer._timeout_s = 20.0
    assert scorer.ask({}, b"")["pid"] != first


def test_without_models_there_is_no_process(tmp_path):
    scorer = ScorerProcess((tmp_path, tmp_path / "diagnosis"), (), 1.0, SystemClock(), lambda: False)
    assert scorer.ask({}, b"") is None
    assert scorer.pid is None
    scorer.stop()


def test_after_the_end_there_is_no_process_and_no_answer(scorer):
    scorer.ask({}, b"")
    scorer.stop()
    assert scorer.pid is None
    assert scorer.ask({}, b"") is None
