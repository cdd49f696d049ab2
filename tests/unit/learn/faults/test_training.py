"""What is trained, what is put in force and what is not, and what a training that was killed leaves."""

import os
from datetime import timedelta

import orjson
import pytest

from agent.errors import ModelError
from agent.learn.faults import training
from agent.learn.faults.examples import TooLittleData, digest_of, split_by_time
from agent.learn.faults.shelf import FaultShelf
from agent.learn.faults.training import train_faults
from tests.faultmodels import BEGIN, LINEAR, make_examples

NOW = BEGIN + timedelta(days=30)


@pytest.fixture(autouse=True)
def one_algorithm(monkeypatch):
    monkeypatch.setattr(training, "configurations", lambda: [LINEAR])


def train(shelf, examples, now=NOW):
    return train_faults(shelf, lambda: examples, now, timedelta(seconds=60), 1)


def test_a_model_that_is_better_than_silence_is_put_in_force_with_all_that_it_rests_on(shelf):
    examples = make_examples()
    found = train(shelf, examples)
    kept = shelf.current()
    assert found.in_force
    assert kept == found.training
    assert kept.data == digest_of(list(reversed(examples)))
    assert kept.figures.examples == 20
    assert kept.trained_to < split_by_time(examples)[1][0].at
    assert kept.figures.cost < kept.figures.silence
    (vote, *_) = shelf.load(kept).vote({"signal:oom0": 1.0, "signal:oom1": 1.0, "signal:oom2": 1.0})
    assert vote.fault == "oom"
    assert vote.reasons[0][0].startswith("signal:oom")


def test_one_that_is_not_better_than_the_one_in_force_runs_beside(shelf):
    first = train(shelf, make_examples()).training
    second = train(shelf, make_examples(), NOW + timedelta(days=1))
    assert not second.in_force
    assert "not better" in second.training.why
    assert (shelf.current().name, shelf.shadow().name) == (first.name, second.training.name)


def test_one_that_costs_more_than_silence_is_not_put_in_force(shelf):
    examples = make_examples(clear=0.0)  # nothing tells the faults apart
    found = train(shelf, examples)
    assert not found.in_force
    assert shelf.current() is None


def test_a_better_one_takes_the_place_of_the_one_in_force(shelf):
    train(shelf, make_examples(faults=("disk_full", "oom")))
    later = make_examples(160, faults=("disk_full", "oom", "bad_release", "clock"), seed=3)
    found = train(shelf, later, NOW + timedelta(days=9))
    assert found.in_force
    assert "more than chance" in found.training.why


@pytest.mark.parametrize(
    ("examples", "missing"),
    [
        (make_examples(12), "12 of at least 40 incidents"),
        (make_examples(80, faults=("disk_full",)), "1 of at least 2 faults"),
        ([], "0 of at least 40"),
    ],
)
def test_too_little_says_what_is_missing_and_leaves_nothing(shelf, examples, missing):
    with pytest.raises(TooLittleData, match=missing):
        train(shelf, examples)
    assert not list(shelf.folder.glob("*")) + list(shelf.folder.glob(".*"))


def killed(shelf, monkeypatch, examples):
    def end(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training, "judge_model", end)
        with pytest.raises(KeyboardInterrupt):
            train(shelf, examples)


def test_a_training_that_was_killed_goes_on_with_its_own_examples_and_trials(shelf, monkeypatch):
    killed(shelf, monkeypatch, make_examples())
    found = train_faults(shelf, lambda: pytest.fail("asked anew"), NOW, timedelta(seconds=60), 1)
    assert found.taken_up == 1
    assert found.training.data == digest_of(make_examples())
    assert not (shelf.folder / ".unfinished").exists()


@pytest.mark.parametrize("left", [b"{", b'{"version": "0", "at": "x", "examples": []}', b"[]"])
def test_what_is_left_and_cannot_be_read_or_is_too_old_is_begun_anew(shelf, monkeypatch, left):
    killed(shelf, monkeypatch, make_examples())
    (shelf.folder / ".unfinished" / "examples.json").write_bytes(left)
    assert train(shelf, make_examples(seed=5)).taken_up == 0
    killed(shelf, monkeypatch, make_examples())
    fresh = make_examples(seed=6)
    assert train(shelf, fresh, NOW + timedelta(days=2)).training.data == digest_of(fresh)


def test_a_line_of_the_journal_that_was_cut_off_is_as_if_it_was_not_there(shelf, monkeypatch):
    killed(shelf, monkeypatch, make_examples())
    journal = shelf.folder / ".unfinished" / "trials.jsonl"
    journal.write_bytes(journal.read_bytes()[:-9])
    assert train(shelf, make_examples()).taken_up == 0


def test_a_model_in_force_that_cannot_be_used_is_replaced(shelf):
    first = train(shelf, make_examples()).training
    (shelf.folder / first.name / "00000.skops").write_bytes(b"PK")
    found = train(shelf, make_examples(), NOW + timedelta(days=1))
    assert found.in_force
    assert "cannot be used" in found.training.why
    with pytest.raises(ModelError, match="refused"):
        shelf.promote(first.name, NOW)


def test_what_is_kept_is_read_as_it_was_written(shelf):
    kept = train(shelf, make_examples()).training
    manifest = orjson.loads((shelf.folder / kept.name / "manifest.json").read_bytes())
    assert manifest["figures"]["confusion"]
    assert shelf.generations() == [kept]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what belongs to others")
def test_what_root_trains_is_the_agents_to_read_and_to_go_on_with(tmp_path, monkeypatch):
    state = tmp_path / "state"
    state.mkdir()
    os.chown(state, 65534, 65534)
    shelf = FaultShelf(state / "models" / "diagnosis")
    killed(shelf, monkeypatch, make_examples())
    assert {one.stat().st_uid for one in state.rglob("*")} == {65534}
    train(shelf, make_examples())
    shelf.promote(shelf.current().name, NOW)
    assert {one.stat().st_uid for one in state.rglob("*")} == {65534}
