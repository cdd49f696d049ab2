"""What a rule rules out must be known to be so: missing, partial or doubtful data hold it back."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from agent.diagnose import RuleVoter
from agent.records import Alert, Arrivals, Doubt
from tests.make import NOW, book, frame, rule, signal

NAN = float("nan")
SIGNALS = [signal(name) for name in ("busy", "before", "calm")]
BUSY, BEFORE = {"signal": "busy", "above": 1}, {"signal": "before", "above": 1}
SERIES = {("busy", "host=w1"): [5], ("busy", "host=w2"): [5], ("before", "host=w2"): [0]}


def vote(when, series, alerts=(), arrivals=None, **marks):
    length = max(map(len, series.values()))
    everything = {("calm", "host=none"): [0] * length, ("before", "host=none"): [0] * length, **series}
    made = replace(frame(everything), **marks)
    found = RuleVoter(book(SIGNALS, [rule(when)])).vote(made, (), alerts, arrivals)
    return {one.entity for one in found.candidates}, {one.entity for one in found.held}


def guarded(against):
    return {"all": [BUSY, {"not": against}]}


def test_a_series_without_a_past_is_no_reason_to_hold_back():
    assert vote(guarded(BEFORE), SERIES) == ({"w1", "w2"}, set())


def test_what_was_not_answered_rules_nothing_out():
    answered = frozenset({"busy"})
    assert vote(guarded(BEFORE), SERIES, answered=answered, failed={"before": "refused"}) == (
        set(),
        {"w1", "w2"},
    )


def test_in_part_what_is_there_counts_and_what_is_missing_does_not():
    series = {**SERIES, ("before", "host=w2"): [9]}
    assert vote(guarded(BEFORE), series, partial={"before": "one store is down"}) == (set(), {"w1"})


def test_a_doubt_is_about_those_whom_it_names():
    doubts = {"before": [Doubt({"host": "w1", "disk": "sda"}, "impossible")]}
    assert vote(guarded(BEFORE), SERIES, doubts=doubts) == ({"w2"}, {"w1"})


def test_a_series_that_was_there_a_moment_ago_may_be_anything_now():
    series = {("busy", "host=w1"): [5, 5], ("before", "host=w1"): [0, NAN]}
    assert vote(guarded(BEFORE), series) == (set(), {"w1"})


def test_how_long_something_lasted_before_the_first_look_is_not_known():
    long = {"signal": "before", "above": 1, "for": "10m"}
    assert vote(guarded(long), {**SERIES, ("before", "host=w2"): [9]}) == ({"w1"}, {"w2"})


@pytest.mark.parametrize(
    ("against", "entities", "held"),
    [
        ({"any": [BEFORE, {"signal": "calm", "above": 1}]}, set(), {"w1", "w2"}),
        ({"all": [BEFORE, {"signal": "calm", "above": 1}]}, {"w1", "w2"}, set()),
        ({"all": [BEFORE, {"not": {"signal": "calm", "above": 1}}]}, set(), {"w1", "w2"}),
        ({"not": {"not": BEFORE}}, set(), {"w1", "w2"}),
    ],
)
def test_logic_has_three_values(against, entities, held):
    found = vote(guarded(against), SERIES, answered=frozenset({"busy", "calm"}))
    assert found == (entities, held)


def test_not_beside_an_alternative_rules_out_too():
    when = {"all": [BUSY, {"any": [{"signal": "calm", "above": 1}, {"not": BEFORE}]}]}
    series = {**SERIES, ("before", "host=w2"): [9]}
    assert vote(when, series) == ({"w1"}, set())
    assert vote(when, series, answered=frozenset({"busy", "calm"})) == (set(), {"w1", "w2"})


LOG, EVENT, ALERT = {"log": "x"}, {"event": "deploy"}, {"alert": "Maintenance"}


@pytest.mark.parametrize(("kind", "against"), [("log", LOG), ("event", EVENT), ("alert", ALERT)])
@pytest.mark.parametrize(
    ("age", "held"), [(None, True), (timedelta(minutes=10), True), (timedelta(seconds=20), False)]
)
def test_what_has_not_been_read_up_to_now_rules_nothing_out(kind, against, age, held):
    until = {} if age is None else {kind: NOW - age}
    found = vote(guarded(against), SERIES, arrivals=Arrivals(now=NOW, read_until=until))
    assert found == ((set(), {"w1", "w2"}) if held else ({"w1", "w2"}, set()))


def test_an_alert_that_fires_rules_out_whatever_else_is_not_known():
    alert = Alert(
        fingerprint="1",
        name="Maintenance",
        labels={"host": "w1"},
        annotations={},
        starts_at=NOW,
        received_at=NOW,
    )
    assert vote(guarded(ALERT), SERIES, alerts=[alert]) == (set(), {"w2"})


def test_absence_needs_a_whole_answer_for_as_long_as_it_is_asked_for():
    gone = {"signal": "busy", "absent": True, "for": "30s"}
    series = {("busy", "host=w1"): [1, NAN, NAN, NAN]}
    assert vote(gone, series) == ({"w1"}, set())
    assert vote(gone, series, partial={"busy": "one store is down"}) == (set(), set())
    nobody_looked = {"busy": np.array([True, False, False, True])}
    assert vote(gone, series, whole=nobody_looked) == (set(), set())


def test_a_sample_counts_once_however_often_it_is_polled():
    lasting = {"signal": "busy", "above": 1, "for": "30s"}
    series = {("busy", "host=w1"): [0, 5, 5, 5, 5]}
    assert vote(lasting, series) == ({"w1"}, set())
    polled_again = np.ones((3, 5), bool)
    polled_again[:, 2:] = False
    assert vote(lasting, series, sampled=polled_again) == (set(), set())
