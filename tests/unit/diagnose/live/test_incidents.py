"""Candidates become incidents: one for one trouble, none healed or hurt by missing data."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agent.config.rulefiles import Fault
from agent.diagnose import IncidentGrouper
from agent.records import IncidentState
from tests.make import NOW, candidate, frame, incident, symptom

FAULTS = {
    "disk_full": Fault(id="disk_full", summary="s", causes=["failed"]),
    "failed": Fault(id="failed", summary="s", causes=["errors"]),
    "errors": Fault(id="errors", summary="s"),
    "down": Fault(id="down", summary="It is down"),
}
SEEN = frame({("up", "host=web1"): [1]})
GONE = frame({("up", "host=web1"): [1, float("nan")]})
KEEP = timedelta(minutes=1)


def on(host, fault, entity=None, **fields):
    return candidate(fault, entity or f"{host}:{fault}", labels={"host": host}, **fields)


@pytest.fixture
def grouper():
    return IncidentGrouper(FAULTS)


def group(grouper, candidates, known=(), shown=SEEN):
    return grouper.group(candidates, known, shown)


def test_an_effect_on_the_same_host_belongs_to_its_cause(grouper):
    _, new = group(grouper, [on("w1", "errors"), on("w1", "disk_full"), on("w1", "failed")])
    (one,) = new
    assert one.fault == "disk_full"
    assert len(one.diagnosis.candidates) == 3


def test_unrelated_faults_and_other_hosts_are_incidents_of_their_own(grouper):
    _, new = group(grouper, [on("w1", "down"), on("w1", "disk_full"), on("w2", "disk_full")])
    assert sorted(one.entity for one in new) == ["w1:disk_full", "w1:down", "w2:disk_full"]


def test_two_rules_for_the_same_fault_make_one_candidate(grouper):
    both = [
        on("w1", "down", voters={"rule a": 0.7}, confidence=0.7, evidence=("a",)),
        on("w1", "down", voters={"rule b": 0.9}, confidence=0.9, evidence=("b",)),
    ]
    _, (one,) = group(grouper, both)
    assert one.best.confidence == 0.9
    assert one.best.evidence == ("b", "a")
    assert set(one.best.voters) == {"rule a", "rule b"}


def test_a_known_incident_takes_up_its_candidate(grouper):
    known = incident(on("w1", "disk_full"), id=7)
    (assessment,), new = group(grouper, [on("w1", "failed")], [known])
    assert new == []
    assert [one.fault for one in assessment.seen] == ["failed"]


def test_symptoms_have_to_stay_away_before_they_count_as_gone(grouper):
    known = incident(on("web1", "down"), id=7)
    (assessment,), _ = group(grouper, [], [known])
    assert grouper.update(assessment, NOW + timedelta(seconds=30), KEEP).symptomatic
    assert not grouper.update(assessment, NOW + timedelta(seconds=61), KEEP).symptomatic


@pytest.mark.parametrize("shown", [GONE, frame({("up", "host=web1"): [1]}, answered=[])])
def test_missing_samples_do_not_make_symptoms_go_away(grouper, shown):
    known = incident(on("web1", "down"), id=7)
    (assessment,), _ = group(grouper, [], [known], shown)
    assert assessment.blind
    assert grouper.update(assessment, NOW + timedelta(hours=5), KEEP).symptomatic


def test_an_absence_that_ended_is_gone(grouper):
    absent = on("web1", "down", symptoms=(symptom(kind="absence"),))
    (assessment,), _ = group(grouper, [], [incident(absent, id=7)])
    assert not assessment.blind


@pytest.mark.parametrize(
    "state", [IncidentState.REMEDIATING, IncidentState.VERIFYING, IncidentState.ESCALATED]
)
def test_the_diagnosis_a_run_was_chosen_for_is_not_changed_under_it(grouper, state):
    known = replace(incident(on("w1", "failed"), id=7), state=state)
    (assessment,), _ = group(grouper, [on("w1", "disk_full")], [known])
    assert grouper.update(assessment, NOW, KEEP).fault == "failed"


class TestAfterARecovery:
    """The symptom that was there before may linger; one that is new is a new incident."""

    def recovered(self):
        alert = symptom(kind="alert", since=NOW - timedelta(minutes=5))
        known = incident(on("web1", "down", symptoms=(alert,)), id=7, closed_at=NOW)
        return replace(known, state=IncidentState.RECOVERED)

    def seen(self, **since):
        return on("web1", "down", symptoms=(symptom(kind="alert", since=NOW + timedelta(**since)),))

    def test_what_lasts_since_before_belongs_to_it(self, grouper):
        assert group(grouper, [self.seen(minutes=-5)], [self.recovered()])[1] == []

    def test_what_came_back_is_a_new_incident(self, grouper):
        assert len(group(grouper, [self.seen(seconds=1)], [self.recovered()])[1]) == 1

    def test_what_lingers_too_long_was_no_recovery(self, grouper):
        old = replace(self.recovered(), closed_at=NOW - timedelta(minutes=16))
        before = self.seen(minutes=-30)
        assert len(group(grouper, [before], [old])[1]) == 1


def test_a_storm_is_grouped_quickly(grouper):
    candidates = [on(f"h{n}", fault) for n in range(1000) for fault in ("disk_full", "failed")]
    _, new = group(grouper, candidates)
    assert len(new) == 1000


def test_faults_that_explain_each_other_end(grouper):
    loop = {
        "a": Fault(id="a", summary="s", causes=["b"]),
        "b": Fault(id="b", summary="s", causes=["a"]),
    }
    _, (one,) = group(IncidentGrouper(loop), [on("w", "a", confidence=0.5), on("w", "b")])
    assert one.fault == "b"
