"""Tests of what counts of what people say: nothing by which the proved past is named worse."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from functools import partial

import pytest

from agent.diagnose.naming.replay import replay
from agent.learn.proposals import FEWEST, doubtful_authors, judge
from agent.records.cases import Hypothesis, Outcome
from agent.records.feedback import Feedback, FeedbackKind
from agent.records.proposals import ProposalState, ProvedNaming, Teaching

NOW = datetime(2026, 11, 28, tzinfo=UTC)
FAULTS = ("disk_full", "memory_leak", "hung")
SKILL = {"rule a": 0.95, "case b": 0.55, "investigation c": 0.35}


def incident(number, rng):
    """Make an incident whose fault is proved, and what each voter says of it."""
    fault = rng.choice(FAULTS)
    said = {
        voter: fault if rng.random() < skill else rng.choice([one for one in FAULTS if one != fault])
        for voter, skill in SKILL.items()
    }
    hypotheses = tuple(Hypothesis(voter=v, fault=f, confidence=0.8) for v, f in said.items())
    return ProvedNaming(incident_id=number, fault=fault, hypotheses=hypotheses)


def teaching(number, past, author, flipped):
    """Make what a person says of an incident: of each voter whether it was right, or the contrary."""
    outcomes = tuple(
        Outcome(voter=one.voter, right=(one.fault == past.fault) != flipped, sure=0.5)
        for one in past.hypotheses
    )
    said = Feedback(kind=FeedbackKind.IT_WAS, author=author, at=NOW, id=number, incident_id=number)
    return Teaching(feedback=said, outcomes=outcomes)


def lived_through(seed, flips):
    """Return held-back and unseen incidents, and what was said of others; ``flips`` by author, a share."""
    rng = random.Random(seed)
    held_back, unseen, told = ([incident(n, rng) for n in range(at, at + 60)] for at in (0, 1000, 2000))
    authors = sorted(flips)
    said = [
        teaching(past.incident_id, past, author := rng.choice(authors), rng.random() < flips[author])
        for past in told
    ]
    return held_back, unseen, said


def settle(said, held_back, states=None):
    found = judge(said, states or {}, [], len(held_back), partial(replay, held_back))
    return {**(states or {}), **{number: one.state for number, one in found.items()}}


def quality(history, said, states):
    counting = [one for one in said if states[one.feedback.id] is ProposalState.ACCEPTED]
    return replay(history, [outcome for one in counting for outcome in one.outcomes])


@pytest.mark.parametrize(
    "flips",
    [
        {"ann": 0.0, "bob": 0.0},
        {"ann": 0.05, "bob": 0.05},
        {"ann": 0.2, "bob": 0.2},
        {"ann": 0.0, "bob": 1.0},
    ],
)
def test_however_much_of_it_is_wrong_the_held_back_past_is_never_named_worse(flips):
    for seed in range(3):
        held_back, _, said = lived_through(seed, flips)
        states = settle(said, held_back)
        assert not quality(held_back, said, states).is_worse_than(replay(held_back, []))


def test_who_says_the_contrary_of_everything_is_named_and_who_does_not_is_not():
    held_back, unseen, said = lived_through(1, {"ann": 0.0, "bob": 1.0})
    states = settle(said, held_back)
    assert list(doubtful_authors({one.feedback.id: one.feedback.author for one in said}, states)) == ["bob"]
    assert quality(unseen, said, states).brier <= replay(unseen, []).brier  # nor is what nobody judged by


def test_what_is_true_is_taken_and_makes_it_better():
    held_back, unseen, said = lived_through(2, {"ann": 0.0})
    states = settle(said, held_back)
    assert quality(unseen, said, states).brier < replay(unseen, []).brier


def test_what_was_accepted_and_makes_it_worse_by_now_is_undone_once_and_for_all():
    held_back, _, said = lived_through(3, {"ann": 0.0, "bob": 1.0})
    wrong = [one for one in said if one.feedback.author == "bob"][:3]
    states = settle(wrong, held_back, {one.feedback.id: ProposalState.ACCEPTED for one in wrong})
    assert ProposalState.UNDONE in states.values()
    assert not quality(held_back, wrong, states).is_worse_than(replay(held_back, []))
    assert settle(wrong, held_back, states) == states


def test_without_a_proved_past_nothing_counts():
    held_back, _, said = lived_through(4, {"ann": 0.0})
    assert set(settle(said, held_back[: FEWEST - 1]).values()) == {ProposalState.WAITING}
