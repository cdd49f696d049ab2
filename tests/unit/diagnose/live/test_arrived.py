"""Rules on log lines and events."""

from datetime import timedelta

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from agent.config.conditions import Condition
from agent.config.rulefiles import Rule, Rulebook
from agent.diagnose import RuleVoter
from agent.records import Arrivals, Event, Frame, LogCount
from tests.make import NOW


def minutes(count):
    return timedelta(minutes=count)


def count(lines=1, ago=1.0, key="No space left", kind="pattern", first=None, **labels):
    return LogCount(
        at=NOW - minutes(ago),
        kind=kind,
        key=key,
        labels=labels or {"service": "cart", "host": "web1"},
        lines=lines,
        example="write /var: No space left on device",
        first_seen_at=first,
    )


def event(kind="deployment", ago=1.0, **labels):
    return Event(
        id=f"{kind}{ago}", kind=kind, at=NOW - minutes(ago), message="v2", labels=labels or {"host": "web1"}
    )


def vote(when, *counts, events=(), rare=frozenset()):
    rule = Rule.model_validate(
        {"id": "r", "fault": "f", "entity": "{host}", "confidence": 0.9, "when": when, "evidence": "e"}
    )
    times, values = np.array([NOW.timestamp()]), np.empty((0, 1))
    frame = Frame(at=NOW, times=times, values=values, series=[], rows={}, answered=frozenset())
    arrivals = Arrivals(now=NOW, counts=counts, events=events, rare=rare)
    return RuleVoter(Rulebook({}, {}, {"r": rule})).vote(frame, (), (), arrivals).candidates


def test_a_text_in_the_log_names_host_and_example():
    (candidate,) = vote({"log": "No space left"}, count(3))
    assert candidate.entity == "web1"
    assert candidate.symptoms[0].value == 3
    assert "No space left on device" in candidate.symptoms[0].text


def test_too_few_lines_are_no_symptom():
    assert not vote({"log": "No space left", "at_least": 5}, count(2), count(2))
    assert vote({"log": "No space left", "at_least": 5}, count(2), count(3))


def test_lines_before_the_window_do_not_count():
    assert not vote({"log": "No space left", "within": "10m"}, count(9, ago=11))


def test_lines_of_other_hosts_do_not_add_up():
    counts = [count(3, host="web1", service="cart"), count(3, host="web2", service="cart")]
    assert not vote({"log": "No space left", "at_least": 5}, *counts)


def test_levels_add_up():
    counts = [count(3, host="web1", level="warn"), count(3, host="web1", level="error")]
    assert vote({"log": "No space left", "at_least": 5}, *counts)


def test_where_narrows_to_labels():
    assert not vote({"log": "No space left", "where": {"service": "shop"}}, count())
    assert vote({"log": "No space left", "where": {"service": "ca.*"}}, count())


def test_another_pattern_is_another_symptom():
    assert not vote({"log": "Out of memory"}, count())


def test_a_template_first_seen_in_the_window_is_new():
    new = count(kind="template", key="7", first=NOW - minutes(2))
    old = count(kind="template", key="8", first=NOW - minutes(200))
    (candidate,) = vote({"log_template": "new"}, new, old)
    assert candidate.symptoms[0].value == 1


def test_a_rare_template_is_told_by_its_history():
    counts = [count(kind="template", key="7"), count(kind="template", key="8")]
    (candidate,) = vote({"log_template": "rare"}, *counts, rare=frozenset({"8"}))
    assert candidate.symptoms[0].value == 1


def test_an_event_joins_with_a_log_line_of_its_host():
    when = {"all": [{"event": "deploy.*", "within": "30m"}, {"log": "No space left"}]}
    assert vote(when, count(), events=[event(ago=20)])
    assert not vote(when, count(), events=[event(ago=40)])
    assert not vote(when, count(), events=[event(ago=20, host="web2")])


@pytest.mark.parametrize(
    "wrong",
    [
        {"log": "("},
        {"log": ""},
        {"event": "["},
        {"log": "x", "within": "0s"},
        {"log": "x", "at_least": 0},
        {"log_template": "odd"},
        {"log": "x", "where": {"host": "("}},
        {"log": "x", "unknown": 1},
    ],
)
def test_a_wrong_condition_is_refused(wrong):
    with pytest.raises(ValidationError):
        TypeAdapter(Condition).validate_python(wrong)
