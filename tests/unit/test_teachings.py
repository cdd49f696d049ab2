"""Tests of what people say of diagnoses on a real store: judged, counted, and named when it is wrong."""

from __future__ import annotations

from dataclasses import replace

from agent.clock import SystemClock
from agent.learn.teachings import teaching_of
from agent.records import IncidentState, RunPhase, RunState, Verdict
from agent.records.feedback import Feedback, FeedbackKind
from agent.records.proposals import ProposalState
from agent.store import begin_run, save_run
from agent.teachings import Teachings
from tests.make import NOW, candidate, incident, plan, run


def said(kind, **fields):
    return Feedback(kind=kind, author="ann", at=NOW, incident_id=1, **fields)


TWO = incident(
    candidate("down", voters={"rule down": 0.9}), candidate("hung", confidence=0.6, voters={"case 3": 0.6})
)


def judged(kind, **fields):
    return {one.voter: one.right for one in teaching_of(said(kind, **fields), TWO).outcomes}


def test_right_and_wrong_are_said_of_the_voters_of_the_likeliest_fault():
    assert judged(FeedbackKind.RIGHT) == {"rule down": True}
    assert judged(FeedbackKind.WRONG) == {"rule down": False}
    assert judged(FeedbackKind.IT_WAS, fault="hung") == {"rule down": False, "case 3": True}
    assert judged(FeedbackKind.FIXED_BY, remediation="restart") == {}


def test_what_it_was_and_what_fixed_it_are_cases_that_count_half():
    other = teaching_of(said(FeedbackKind.IT_WAS, fault="hung"), TWO).case
    assert (other.fault, other.weight) == ("hung", 0.5)
    fixed = teaching_of(said(FeedbackKind.FIXED_BY, remediation="restart"), TWO).case
    assert (fixed.fault, fixed.helped) == ("down", ("restart",))


def over(stores, fault, wrongly):
    """Keep an incident that is over, of which a rule is right and a case names another fault."""
    candidates = (
        candidate(fault, confidence=0.6, voters={f"rule {fault}": 0.6}),
        candidate(wrongly, confidence=0.5, voters={"case old": 0.5}),
    )
    kept = stores.incidents.add(incident(*candidates, state=IncidentState.RECOVERED, closed_at=NOW), "test")
    done = run(incident_id=kept.id, plan=plan(fault=fault, hosts=(f"h{kept.id}",)))
    told = {"state": RunState.SUCCEEDED, "verdict": Verdict.RECOVERED, "started_at": NOW, "verified_at": NOW}
    with stores.transaction() as connection:
        begun = begin_run(connection, done, "test")
        judged = replace(begun, phase=RunPhase.OVER, **told)
        save_run(connection, judged, begun.phase, NOW, "test", "run judged", {})
    return kept.id


def tell(stores, author, incident_id, **fields):
    said = Feedback(author=author, at=NOW, incident_id=incident_id, **fields)
    return stores.feedback.add(said).id


def test_what_ann_says_counts_and_what_bob_says_does_not_and_bob_is_named(stores, caplog):
    numbers = [over(stores, "down", "hung") for _ in range(24)]
    ann = [tell(stores, "ann", one, kind=FeedbackKind.RIGHT) for one in numbers[:3]]
    bob = [tell(stores, "bob", one, kind=FeedbackKind.IT_WAS, fault="hung") for one in numbers[3:6]]
    before = len(stores.cases.outcomes())
    teachings = Teachings(stores, SystemClock())
    teachings.judge()
    states = {number: one.state for number, one in stores.proposals.all().items()}
    assert states == {
        **dict.fromkeys(ann, ProposalState.ACCEPTED),
        **dict.fromkeys(bob, ProposalState.REFUSED),
    }
    assert len(teachings.outcomes()) == before + 3
    assert [one.fault for one in teachings.proved()] == ["down"] * 24
    log = [(one.action, one.detail.get("author")) for one in stores.audit.list()]
    assert {("feedback refused", "bob"), ("feedback accepted", "ann")} <= set(log)
    assert "most of what somebody says makes it worse" in caplog.text
    # whoever learns labels from people does not learn what was not taken
    assert {said.author for one in stores.cases.past() for said in one.said} == {"ann"}


def test_what_is_said_where_nothing_was_proved_waits_and_counts_for_nothing(stores):
    number = over(stores, "down", "hung")
    tell(stores, "ann", number, kind=FeedbackKind.WRONG)
    teachings = Teachings(stores, SystemClock())
    teachings.judge()
    (found,) = stores.proposals.all().values()
    assert (found.state, found.why.split(",")[0]) == (
        ProposalState.WAITING,
        "1 incidents were proved on metrics",
    )
    assert teachings.outcomes() == stores.cases.outcomes()
