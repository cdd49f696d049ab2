"""Several anomalies that agree are an incident for people; one alone never is."""

from datetime import timedelta

import pytest

from agent.config import load_rules
from agent.diagnose import RuleVoter
from agent.response.escalation import is_urgent
from tests.make import NOW, anomaly, book, candidate, frame, incident, rule, signal

SIGNALS = [
    signal("cpu_busy", role="saturation"),
    signal("errors", role="errors"),
    signal("latency", role="latency"),
    signal("requests", role="traffic"),
]
QUIET = frame({("up", "host=web1"): [1]})


def strange(name, minutes=6, **fields):
    fields = {"labels": {"host": "web1"}, "opened_at": NOW - timedelta(minutes=minutes), **fields}
    return anomaly(name, **fields)


def whole(**fields):
    return strange("cpu_busy", layer="entity", kind="correlated_shift", **fields)


def found(*anomalies, rules=(), seen=QUIET):
    return RuleVoter(book(SIGNALS, rules)).vote(seen, anomalies).candidates


@pytest.mark.parametrize(
    "anomalies",
    [
        [strange("cpu_busy")],
        [whole()],
        [strange("cpu_busy"), strange("requests")],
        [strange("errors"), strange("errors", labels={"host": "web1", "code": "503"})],
        [whole(), strange("errors", minutes=3)],
        [whole(confidence=0.7), strange("errors")],
        [whole(), strange("errors", kind="missing_data")],
        [whole(), strange("errors", entity="web2", labels={"host": "web2"})],
    ],
)
def test_what_does_not_agree_or_last_opens_nothing(anomalies):
    assert found(*anomalies) == ()


@pytest.mark.parametrize(
    "anomalies", [[whole(), strange("cpu_busy")], [strange("errors"), strange("requests")]]
)
def test_what_agrees_and_lasts_is_told(anomalies):
    (one,) = found(*anomalies)
    assert (one.fault, one.entity, one.labels) == ("unknown", "web1", {"host": "web1"})
    assert one.confidence < 0.5
    assert len(one.symptoms) == 2


def test_what_a_rule_has_a_name_for_is_not_told_twice():
    down = rule({"signal": "up", "below": 0.5})
    seen = frame({("up", "host=web1"): [0]})
    assert [one.fault for one in found(whole(), strange("cpu_busy"), rules=[down], seen=seen)] == ["down"]


def test_people_are_not_woken_for_what_nobody_has_a_name_for(root):
    faults = load_rules([root / "rules"]).faults
    assert not is_urgent(incident(candidate("unknown")), faults)
    assert is_urgent(incident(candidate("unknown"), candidate("service_down")), faults)
