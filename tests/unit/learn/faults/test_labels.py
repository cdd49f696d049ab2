"""Who is believed about what an incident was, and how far."""

from datetime import timedelta

import pytest

from agent.learn.faults.examples import HEALTHY
from agent.learn.faults.labels import label_of, symptoms_of
from agent.records import IncidentState, Verdict
from agent.records.cases import PastIncident, Repair
from agent.records.feedback import Feedback, FeedbackKind
from tests.make import NOW, candidate, incident, symptom


def repair(verdict=Verdict.RECOVERED, **fields):
    return Repair(**{"fault": "down", "entity": "web1", "remediation": "r", "verdict": verdict, **fields})


def said(kind, fault="", minutes=0):
    return Feedback(kind=kind, author="ann", at=NOW + timedelta(minutes=minutes), incident_id=1, fault=fault)


def test_a_repair_that_was_proved_says_what_it_was_as_surely_as_it_was_the_repair():
    label = label_of(PastIncident(incident=incident(), repairs=(repair(sure=0.6),)))
    assert (label.fault, label.origin, label.weight) == ("down", "verdict", 0.6)


def test_people_are_believed_before_metrics_and_by_what_they_said_last():
    newest, older = said(FeedbackKind.IT_WAS, "disk_full", 5), said(FeedbackKind.RIGHT)
    label = label_of(PastIncident(incident=incident(), repairs=(repair(),), said=(newest, older)))
    assert (label.fault, label.origin, label.weight) == ("disk_full", "person", 1.0)


@pytest.mark.parametrize(
    "past",
    [
        PastIncident(incident=incident(), repairs=(repair(),), said=(said(FeedbackKind.WRONG),)),
        PastIncident(incident=incident(), repairs=(repair(Verdict.NOT_RECOVERED),)),
        PastIncident(incident=incident(), repairs=(repair(lasted=False),)),
        PastIncident(incident=incident(), said=(said(FeedbackKind.FIXED_BY),)),
        PastIncident(incident=incident(), said=(said(FeedbackKind.IT_WAS, "unknown"),)),
    ],
    ids=["called wrong", "did not help", "came back", "nobody tried anything", "nobody knows"],
)
def test_what_nobody_can_tell_is_no_example(past):
    assert label_of(past) is None


def test_an_alert_that_a_rule_names_is_believed_weakly():
    alerted = candidate(symptoms=(symptom("Down", kind="alert"),))
    label = label_of(PastIncident(incident=incident(alerted)))
    assert (label.fault, label.origin) == ("down", "alert")
    assert label.weight < 0.5


def test_trouble_without_a_name_that_went_by_itself_was_none_unless_somebody_took_it():
    unknown = candidate("unknown")
    gone = incident(unknown, state=IncidentState.CLEARED)
    assert label_of(PastIncident(incident=gone)).fault == HEALTHY
    taken = incident(unknown, state=IncidentState.CLEARED, acknowledged_by="ann")
    assert label_of(PastIncident(incident=taken)) is None


def test_what_is_learned_was_seen_of_the_entity_that_had_the_fault():
    own, other = candidate(symptoms=(symptom("a"),)), candidate(entity="web2", symptoms=(symptom("b"),))
    past = PastIncident(incident=incident(own, other))
    assert [one.source for one in symptoms_of(past, "web2")] == ["b"]
    assert [one.source for one in symptoms_of(past, "elsewhere")] == ["a", "b"]
