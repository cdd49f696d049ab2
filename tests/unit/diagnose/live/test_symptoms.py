"""Conditions against frames: what meets them, since when, and what gaps mean."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agent.config.conditions import SignalCondition
from agent.diagnose.live.symptoms import SymptomFinder
from tests.make import NOW, frame

NAN = float("nan")


def find(values, condition, answered=None, labels="host=web1", **more):
    made = frame({("up", labels): values, **more}, answered=answered)
    return SymptomFinder(made, ()).find(SignalCondition.model_validate({"signal": "up", **condition}))


def test_a_bound_is_compared_with_the_newest_sample():
    assert find([0, 0, 1], {"below": 0.5}) == []
    (match,) = find([1, 1, 0], {"below": 0.5})
    assert match.symptom.value == 0
    assert match.symptom.text == "up of web1 is 0, below 0.5"


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        ("ratio", 0.031, "up of web1 is 3.1 %, below 50 %"),
        ("boolean", 0, "up of web1 is no"),
        ("seconds", 0.25, "up of web1 is 0.25 s, below 0.5 s"),
        ("requests/s", 0.4, "up of web1 is 0.4 requests/s, below 0.5 requests/s"),
    ],
)
def test_numbers_are_told_with_the_unit_of_their_signal(unit, value, text):
    made = frame({("up", "host=web1"): [value]})
    made = replace(made, series=[replace(one, unit=unit) for one in made.series])
    (match,) = SymptomFinder(made).find(SignalCondition.model_validate({"signal": "up", "below": 0.5}))
    assert match.symptom.text == text


def test_a_gap_is_beyond_no_bound():
    assert find([0, 0, NAN], {"below": 0.5}) == []
    assert find([0, 0, NAN], {"above": -1}) == []


def test_a_signal_without_answer_meets_nothing():
    assert find([0, 0, 0], {"below": 0.5}, answered=[]) == []


def test_since_is_when_it_began():
    (match,) = find([1, 0, 0, 0], {"below": 0.5})
    assert match.symptom.since == NOW - timedelta(seconds=30)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([0, 0, 0, 0, 0], True),
        ([1, 0, 0, 0, 0], False),
        ([0, 0, 1, 0, 0], False),
        ([0, 0, NAN, 0, 0], True),
        ([0, NAN, NAN, NAN, 0], False),
        ([NAN, NAN, NAN, NAN, 0], False),
    ],
)
def test_for_needs_the_whole_span_and_enough_samples(values, found):
    """Five samples, one every 15 s, are a minute."""
    assert bool(find(values, {"below": 0.5, "for": "1m"})) is found


def test_was_looks_back_so_far_and_no_further():
    condition = {"below": 0.5, "was": {"above": 0.5, "within": "30s"}}
    assert find([0, 1, 0, 0], condition)
    assert not find([1, 0, 0, 0, 0], condition)


def test_absence_is_a_series_that_was_there_while_the_source_answers():
    condition = {"absent": True}
    (match,) = find([1, 1, NAN], condition)
    assert match.symptom.kind == "absence"
    assert find([1, 1, NAN], condition, answered=[]) == []
    assert find([1, 1, 1], condition) == []


def test_absence_can_be_asked_to_last():
    assert not find([1, 1, NAN], {"absent": True, "for": "30s"})
    assert find([1, NAN, NAN, NAN], {"absent": True, "for": "30s"})


def test_where_narrows_by_label():
    condition = {"below": 0.5, "where": {"host": "db.*"}}
    assert find([0], condition, labels="host=db1")
    assert not find([0], condition, labels="host=web1")
    assert not find([0], condition, labels="host=xdb1")


def test_infinity_is_no_measurement():
    assert find([float("inf")], {"above": 5}) == []
