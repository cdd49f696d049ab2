"""What is known around an incident becomes observations, named as the topology names things."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from agent.investigation.observe import name_of, observe, with_arrivals
from agent.records import Event, LogCount, Topology
from agent.records.evidence import Edge, SureFinding
from tests import make
from tests.make import NOW

SIGNALS = {
    "free": make.signal("free", role="saturation", bad="low"),
    "age": make.signal("age", role="availability", bad="none"),
}
FRAME = make.frame(
    {
        ("free", "host=web1 mountpoint=/srv"): [0.5] * 30 + [0.01] * 10,
        ("free", "host=web2 mountpoint=/"): [0.5] * 40,
        ("age", "host=web1"): [1.0] * 40,
    }
)
SINCE = NOW - timedelta(seconds=150)


def seen(**fields):
    incident = make.incident(make.candidate(symptoms=(make.symptom("free", since=SINCE),)))
    observed = observe(incident, FRAME, SIGNALS, fields.get("topology", Topology()))
    return with_arrivals(observed, fields.get("counts", ()), fields.get("events", ()), SINCE)


def test_the_time_before_the_first_symptom_is_the_healthy_one():
    observed = seen()
    assert observed.baseline is not None
    assert np.nanmin(observed.baseline.values[0]) == 0.5
    assert observed.table.times[0] < SINCE.timestamp() <= observed.table.times[-1]


def test_signals_bring_their_meaning_and_those_without_a_bad_side_are_left_out():
    table = seen().table
    assert set(table.names) == {"free"}
    assert [(one.role, one.bad) for one in table.meanings] == [("saturation", "low")] * 2


def test_the_copy_does_not_change_with_the_frame():
    observed = seen()
    before = observed.table.values.copy()
    kept = FRAME.values.copy()
    FRAME.values[:] = 7
    np.testing.assert_array_equal(observed.table.values, before)
    FRAME.values[:] = kept


@pytest.mark.parametrize(
    ("labels", "known", "name"),
    [
        ({"host": "web1", "unit": "nginx.service"}, {"nginx.service"}, "nginx.service"),
        ({"host": "lb", "server": "shop1"}, {"lb", "shop1"}, "shop1"),
        ({"host": "n1", "service": "cart"}, set(), "cart"),
        ({"host": "n1"}, {"other"}, "n1"),
        ({}, set(), "web1:/srv"),
    ],
)
def test_what_the_topology_knows_names_things(labels, known, name):
    assert name_of(labels, "web1:/srv", known) == name


def test_logs_and_events_are_brought_with_their_count_and_owner():
    owner = {"host": "web1", "level": "error"}
    count = LogCount(at=NOW, kind="template", key="1", labels=owner, lines=40, example="no space")
    event = Event(id="1", kind="deploy", at=NOW, message="v2", labels={"service": "shop"})
    topology = Topology(edges=frozenset({Edge(source="shop", target="web1")}))
    observed = seen(counts=[count], events=[event], topology=topology)
    assert (observed.logs[0].entity, observed.logs[0].level, observed.logs[0].lines) == ("web1", "ERROR", 40)
    assert observed.events[0].entity == "shop"
    assert observed.nodes == ["shop", "web1"]


def test_a_rule_that_is_sure_of_what_is_still_seen_is_evidence():
    sure = make.candidate(entity="web1", voters={"rule disk_full": 0.95}, seen_at=NOW)
    over = replace(sure, fault="service_down", entity="web2", seen_at=SINCE)
    told = SureFinding(sure=0.95, saw=sure.evidence[0] if sure.evidence else "")
    for first, found in ((sure, {"web1": told}), (over, {})):
        incident = make.incident(first, over if first is sure else sure)
        assert observe(incident, FRAME, SIGNALS, Topology()).findings == found


@pytest.mark.parametrize("voter", ["case 7", "classifier", "alert HostDown"])
def test_what_past_cases_or_an_alert_that_nobody_knows_say_is_no_sure_evidence(voter):
    incident = make.incident(make.candidate(entity="web1", voters={voter: 0.9}, seen_at=NOW))
    assert not observe(incident, FRAME, SIGNALS, Topology()).findings


def test_logins_of_our_own_are_no_evidence():
    noisy = make.frame({("free", f"host=web1 groupname={name}"): [0.5] * 40 for name in ("sshd", "nginx")})
    table = observe(make.incident(make.candidate()), noisy, SIGNALS, Topology()).table
    assert [labels["groupname"] for labels in table.labels] == ["nginx"]
