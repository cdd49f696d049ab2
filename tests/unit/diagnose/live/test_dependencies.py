"""One trouble that shows in many places is one incident; two troubles are two."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agent.config.rulefiles import Fault
from agent.diagnose import Dependencies, IncidentLifecycle, Visibility
from agent.reasons import Reason
from agent.records import IncidentState
from agent.records.evidence import Edge
from tests.make import NOW, candidate, frame, symptom

FAULTS = {
    "down": Fault(id="down", summary="It is down"),
    "slow": Fault(id="slow", summary="It is slow", passed_on=True),
}
FRONTS = [f"front{number}" for number in range(12)]
EDGES = [Edge(source=front, target="db") for front in FRONTS] + [Edge(source="db", target="disk1")]
SEEN = frame({("up", "host=db"): [1]})


@pytest.fixture
def lifecycle():
    return IncidentLifecycle(FAULTS, Dependencies(EDGES))


def on(host, fault, since=NOW):
    return candidate(fault, f"{host}:{fault}", labels={"host": host}, symptoms=(symptom(since=since),))


def opened(lifecycle, *candidates):
    return lifecycle.update(candidates, [], Visibility(SEEN), NOW).opened


def seen_later(lifecycle, known, *candidates):
    """Return a known incident as it is after another poll, and what that opens."""
    changes = lifecycle.update(candidates, [known], Visibility(SEEN), NOW)
    return changes.known[0], changes.opened


def test_a_database_fault_that_shows_in_twelve_services_is_one_incident(lifecycle):
    (one,) = opened(lifecycle, *(on(front, "slow") for front in FRONTS), on("db", "down"))
    assert (one.fault, one.host) == ("down", "db")
    assert len(one.diagnosis.candidates) == 13
    assert "which depends on it" in " ".join(one.best.evidence)


def test_a_chain_of_dependencies_counts_like_one(lifecycle):
    (one,) = opened(lifecycle, on("front1", "slow"), on("disk1", "down"))
    assert one.host == "disk1"


def test_two_services_that_depend_on_nothing_common_are_two_incidents(lifecycle):
    assert len(opened(lifecycle, on("front1", "slow"), on("front2", "slow"))) == 2


def test_a_fault_that_is_not_passed_on_is_an_incident_of_its_own(lifecycle):
    assert len(opened(lifecycle, on("front1", "down"), on("db", "down"))) == 2


def test_what_began_an_hour_apart_is_not_one_trouble(lifecycle):
    early = on("front1", "slow", NOW - timedelta(hours=1))
    assert len(opened(lifecycle, early, on("db", "down"))) == 2


def test_an_effect_that_shows_later_joins_the_incident_of_its_cause(lifecycle):
    (cause,) = opened(lifecycle, on("db", "down"))
    known = replace(cause, id=7, state=IncidentState.REMEDIATING)
    kept, new = seen_later(lifecycle, known, on("db", "down"), on("front1", "slow"))
    assert not new
    assert len(kept.diagnosis.candidates) == 2


def test_a_cause_that_shows_later_becomes_what_is_treated(lifecycle):
    (effect,) = opened(lifecycle, on("front1", "slow"))
    changed, new = seen_later(lifecycle, replace(effect, id=7), on("front1", "slow"), on("db", "down"))
    assert not new
    assert (changed.fault, changed.host) == ("down", "db")


def test_effects_that_were_opened_before_their_cause_was_found_become_part_of_its_incident(lifecycle):
    fronts = [on("front1", "slow"), on("front2", "slow"), on("front3", "slow")]
    known = [replace(one, id=number) for number, one in enumerate(opened(lifecycle, *fronts), 1)]
    known[2] = replace(known[2], state=IncidentState.ESCALATED)
    changes = lifecycle.update([*fronts, on("db", "down")], known, Visibility(SEEN), NOW)
    first, second, third = changes.known
    assert not changes.opened
    assert (first.fault, len(first.diagnosis.candidates)) == ("down", 3)
    assert (second.symptomatic, second.reason, second.detail) == (False, Reason.PART_OF_ANOTHER, "incident 1")
    assert third.fault == "slow", "people have it"


def test_a_cause_is_not_hidden_behind_a_run_that_treats_its_effect(lifecycle):
    (effect,) = opened(lifecycle, on("front1", "slow"))
    known = replace(effect, id=7, state=IncidentState.REMEDIATING)
    for _ in range(2):
        _, new = seen_later(lifecycle, known, on("front1", "slow"), on("db", "down"))
        assert [one.host for one in new] == ["db"]


def test_a_cause_and_its_effects_stay_one_incident_poll_after_poll(lifecycle):
    (one,) = opened(lifecycle, on("front1", "slow"), on("db", "down"))
    known = replace(one, id=7)
    for state in (IncidentState.HELD, IncidentState.REMEDIATING, IncidentState.ESCALATED):
        both = [on("front1", "slow"), on("db", "down")]
        kept, new = seen_later(lifecycle, replace(known, state=state), *both)
        assert not new
        assert kept.best.fault == "down"


@pytest.fixture
def two_databases():
    edges = [("front1", "db1"), ("front2", "db2"), ("both", "db1"), ("both", "db2")]
    return IncidentLifecycle(FAULTS, Dependencies(Edge(source=a, target=b) for a, b in edges))


def test_two_troubles_at_once_are_two_incidents_each_with_its_own_effects(two_databases):
    later = NOW + timedelta(seconds=40)
    seen = [on("front1", "slow"), on("db1", "down"), on("front2", "slow", later), on("db2", "down", later)]
    found = opened(two_databases, *seen)
    assert {one.host: {c.labels["host"] for c in one.diagnosis.candidates} for one in found} == {
        "db1": {"db1", "front1"},
        "db2": {"db2", "front2"},
    }


def test_what_suffers_from_two_troubles_goes_to_the_nearer_and_joins_them_not(two_databases):
    later = NOW + timedelta(minutes=3)
    found = opened(two_databases, on("db1", "down"), on("db2", "down", later), on("both", "slow", later))
    assert sorted(one.host for one in found) == ["db1", "db2"]
    assert len(next(one for one in found if one.host == "db2").diagnosis.candidates) == 2


def test_a_second_cause_does_not_hide_in_the_incident_of_the_first(two_databases):
    (first,) = opened(two_databases, on("db1", "down"), on("both", "slow"))
    again = [on("db1", "down"), on("both", "slow"), on("db2", "down")]
    kept, new = seen_later(two_databases, replace(first, id=7), *again)
    assert [one.host for one in new] == ["db2"]
    assert len(kept.diagnosis.candidates) == 2


def test_a_storm_over_a_large_topology_is_sorted_in_time():
    edges = [Edge(source=f"s{i}", target=f"s{i // 3}") for i in range(1, 3000)]
    lifecycle = IncidentLifecycle(FAULTS, Dependencies(edges))
    found = opened(lifecycle, on("s0", "down"), *(on(f"s{i}", "slow") for i in range(1, 300)))
    assert [one.host for one in found] == ["s0"]


def test_dependencies_may_run_in_circles():
    round_and_round = Dependencies([Edge(source="a", target="b"), Edge(source="b", target="a")])
    lifecycle = IncidentLifecycle(FAULTS, round_and_round)
    (one,) = opened(lifecycle, on("a", "slow"), on("b", "slow"))
    assert len(one.diagnosis.candidates) == 2
