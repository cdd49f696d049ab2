"""Rules: conditions joined on the labels of the entity."""

import pytest

from agent.diagnose import RuleVoter
from tests.make import book, frame, rule, signal

SIGNALS = [signal(name) for name in ("a", "b", "c")]


def vote(when, series, **fields):
    voter = RuleVoter(book(SIGNALS, [rule(when, **fields)]))
    everything = {("a", "host=none"): [9], ("b", "host=none"): [9], ("c", "host=none"): [9], **series}
    return list(voter.vote(frame(everything), ()).candidates)


LOW_A, LOW_B, LOW_C = ({"signal": name, "below": 1} for name in "abc")


def entities(candidates):
    return sorted(candidate.entity for candidate in candidates)


def test_all_needs_every_part_on_the_same_host():
    series = {("a", "host=w1"): [0], ("b", "host=w1"): [0], ("a", "host=w2"): [0], ("b", "host=w3"): [0]}
    assert entities(vote({"all": [LOW_A, LOW_B]}, series)) == ["w1"]


def test_any_needs_one():
    series = {("a", "host=w1"): [0], ("b", "host=w2"): [0]}
    assert entities(vote({"any": [LOW_A, LOW_B]}, series)) == ["w1", "w2"]


def test_not_takes_away():
    series = {("a", "host=w1"): [0], ("a", "host=w2"): [0], ("b", "host=w2"): [0]}
    assert entities(vote({"all": [LOW_A, {"not": LOW_B}]}, series)) == ["w1"]


def test_not_alone_matches_nothing():
    assert vote({"not": LOW_A}, {("b", "host=w1"): [0]}) == []


def test_a_part_that_knows_fewer_labels_joins_on_those_it_has():
    series = {
        ("a", "host=w1 mountpoint=/"): [0],
        ("a", "host=w1 mountpoint=/var"): [0],
        ("a", "host=w2 mountpoint=/"): [0],
        ("b", "host=w1"): [0],
    }
    found = vote({"all": [LOW_A, LOW_B]}, series, entity="{host}:{mountpoint}")
    assert entities(found) == ["w1:/", "w1:/var"]


def test_an_entity_with_a_label_nobody_has_is_nobody():
    assert vote(LOW_A, {("a", "host=w1"): [0]}, entity="{host}:{mountpoint}") == []


def test_trees_nest():
    series = {("a", "host=w1"): [0], ("c", "host=w1"): [0], ("a", "host=w2"): [0]}
    assert entities(vote({"all": [LOW_A, {"any": [LOW_B, {"all": [LOW_C]}]}]}, series)) == ["w1"]


def test_the_evidence_is_filled_from_labels_and_signals():
    (found,) = vote(LOW_A, {("a", "host=w1 disk=sda"): [0.25]}, evidence="{disk} of {host}: {a:percent}, {b}")
    assert found.evidence == ("sda of w1: 25 %, unknown",)
    assert found.voters == {"rule r": 0.9}


def test_labels_of_all_parts_are_kept_the_first_part_winning():
    series = {("a", "host=w1 instance=w1:9100"): [0], ("b", "host=w1 instance=w1:80 job=probe"): [0]}
    (found,) = vote({"all": [LOW_A, LOW_B]}, series)
    assert found.labels == {"host": "w1", "instance": "w1:9100", "port": "9100", "job": "probe"}


@pytest.mark.parametrize("count", [2000])
def test_a_storm_of_matches_is_joined_in_linear_time(count):
    series = {("a", f"host=h{n}"): [0] for n in range(count)}
    series |= {("b", f"host=h{n}"): [0] for n in range(count)}
    assert len(vote({"all": [LOW_A, LOW_B]}, series)) == count


def test_hostile_labels_are_only_shown():
    series = {("a", "host={{lookup('pipe','id')}}"): [0]}
    (found,) = vote(LOW_A, series, evidence="{host}")
    assert found.evidence == ("{{lookup('pipe','id')}}",)


ONCE = {"all": [{**LOW_A, "was": {"above": 1, "within": "1m"}}, LOW_B]}


def test_a_fault_that_is_known_lasts_however_long_ago_it_began():
    voter = RuleVoter(book(SIGNALS, [rule(ONCE)]))
    begins = frame({("a", "host=w1"): [5, 0], ("b", "host=w1"): [0, 0]})
    known = voter.vote(begins).candidates
    assert entities(known) == ["w1"]
    later = {("a", host): [0] * 30 for host in ("host=w1", "host=w2")}
    later |= {("b", host): [0] * 30 for host in ("host=w1", "host=w2")}
    assert entities(voter.vote(frame(later)).candidates) == []
    assert entities(voter.vote(frame(later), known=known).candidates) == ["w1"]


@pytest.mark.parametrize("name", ["a", "b"])
def test_a_fault_that_is_known_is_over_once_either_part_is(name):
    voter = RuleVoter(book(SIGNALS, [rule(ONCE)]))
    known = voter.vote(frame({("a", "host=w1"): [5, 0], ("b", "host=w1"): [0, 0]})).candidates
    over = {("a", "host=w1"): [0] * 30, ("b", "host=w1"): [0] * 30, (name, "host=w1"): [0] * 29 + [5]}
    assert not voter.vote(frame(over), known=known).candidates


def test_a_signal_that_looks_only_at_the_past_says_how_a_fault_began_and_not_that_it_is_over():
    steady = signal("b", query="avg_over_time(b[1d:30m] offset 1h)")
    voter = RuleVoter(book([SIGNALS[0], steady], [rule({"all": [LOW_A, {"signal": "b", "above": 0.9}]})]))
    known = voter.vote(frame({("a", "host=w1"): [0], ("b", "host=w1"): [1]})).candidates
    worn_off = frame({("a", "host=w1"): [0], ("b", "host=w1"): [0.5]})
    assert not voter.vote(worn_off).candidates
    assert entities(voter.vote(worn_off, known=known).candidates) == ["w1"]
