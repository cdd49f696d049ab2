"""The trained diagnosis has a vote: what it says, what is refused, and what happens without an answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta

import pytest

from agent.background.faultvoter import TrainedVoter
from agent.diagnose import VotingEnsemble
from agent.learn.faults import training
from agent.learn.faults.answers import FaultAnswers
from agent.learn.faults.shelf import FaultShelf
from agent.learn.faults.training import train_faults
from tests.faultmodels import BEGIN, LINEAR, make_examples, make_model
from tests.make import candidate, symptom

SEEN = {"signal:oom0": 1.0, "signal:oom1": 1.0, "signal:oom2": 1.0}


@dataclass
class Asked:
    """The scoring process, in this one."""

    answers: FaultAnswers
    silent: bool = False
    number: int = field(default=0)

    def ask(self, header: Mapping, payload: bytes) -> Mapping | None:
        self.number += 1
        return None if self.silent else self.answers.answer({**header, "number": self.number})


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "configurations", lambda: [LINEAR])
    made = FaultShelf(tmp_path)
    train_faults(made, make_examples, BEGIN + timedelta(days=9), timedelta(seconds=60), 1)
    return made


@pytest.fixture
def asked(shelf):
    return Asked(FaultAnswers(shelf))


@pytest.fixture
def voter(shelf, asked):
    return TrainedVoter(asked, lambda: shelf.stamp() is not None)


def unsure(fault="unknown"):
    some = tuple(symptom(f"oom{one}") for one in range(3))
    return candidate(fault, confidence=0.4, voters={"rule odd": 0.4}, symptoms=some)


def test_the_trained_model_names_what_no_rule_is_sure_of_with_its_probability_and_reasons(voter):
    _, found = VotingEnsemble(list, trained=voter.vote).vote([unsure()])
    (name, said), *_ = found.voters.items()
    assert found.fault == "oom"
    assert name == f"classifier {voter.status['training']}"
    assert 0.7 < said <= 1
    assert "signal:oom" in found.evidence[0]


def test_a_sure_rule_is_not_asked_about_and_the_model_neither(voter, asked):
    sure = candidate("down", confidence=0.9)
    assert VotingEnsemble(list, trained=voter.vote).vote([sure]) == [sure]
    assert asked.number == 0


def test_without_an_answer_the_last_one_to_the_same_question_counts(voter, asked):
    asked.silent = True
    assert list(voter.vote(SEEN)) == []
    asked.silent = False
    said = voter.vote(SEEN)
    asked.silent = True
    assert voter.vote(SEEN) == said
    assert list(voter.vote({"signal:disk_full0": 1.0})) == []


def test_without_a_model_the_one_of_a_file_is_asked(tmp_path, asked):
    assert TrainedVoter(asked, lambda: False).vote(SEEN) is None


def test_a_model_that_is_refused_has_no_vote_and_the_reason_is_told(shelf, voter):
    file = shelf.folder / shelf.current().name / "00000.skops"
    file.write_bytes(file.read_bytes()[:-1])
    assert VotingEnsemble(list, trained=voter.vote).vote([unsure()]) == [unsure()]
    assert ["refused" in why and "\n" not in why for why in voter.status["refused"]] == [True]


def run_beside(shelf, examples):
    """Put a model beside the one in force."""
    current = shelf.current()
    said = {one.name: getattr(current, one.name) for one in fields(current)}
    given = {
        name: value for name, value in said.items() if name not in ("name", "version", "cards", "libraries")
    }
    return shelf.put(
        make_model(examples), {**given, "made_at": BEGIN + timedelta(days=20)}, in_force=False
    ).name


def test_what_runs_beside_is_asked_and_compared_and_has_no_say(shelf, voter):
    beside = run_beside(shelf, make_examples(faults=("disk_full", "clock", "healthy"), seed=2))
    seen = {**SEEN, "signal:disk_full0": 1.0}
    assert voter.vote(seen)[0].fault == "oom"
    assert voter.status["beside"] == beside
    assert (voter.status["compared"], voter.status["agreed"]) == (1, 0)
    voter.vote(seen)  # the same at the next poll is nothing new
    assert voter.status["compared"] == 1
