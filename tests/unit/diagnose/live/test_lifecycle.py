"""Candidates become incidents: one for one trouble, true to what is seen, none healed by missing data."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from agent.config.rulefiles import Fault
from agent.diagnose import IncidentLifecycle, Visibility
from agent.reasons import Reason
from agent.records import Held, IncidentState
from tests.effort import instructions
from tests.make import NOW, candidate, frame, incident, symptom

FAULTS = {
    "disk_full": Fault(id="disk_full", summary="s", causes=["failed"]),
    "failed": Fault(id="failed", summary="s", causes=["errors"]),
    "refused": Fault(id="refused", summary="s", causes=["failed"]),
    "errors": Fault(id="errors", summary="s"),
    "down": Fault(id="down", summary="It is down"),
}
GONE = {("up", "host=web1"): [1, float("nan")]}
POLL = timedelta(seconds=15)
DISK, SERVICE = "w1:/var", "w1:shop"


def at(seconds, values=None, answered=None, partial=None):
    """Return the frame of a poll so many seconds from now."""
    shown = frame(values or {("up", "host=web1"): [1, 1]}, answered=answered)
    moved = timedelta(seconds=seconds)
    return replace(shown, at=shown.at + moved, times=shown.times + seconds, partial=partial or {})


def on(host, fault, entity=None, **fields):
    fields.setdefault("symptoms", (symptom(labels={"host": "web1"}),))
    return candidate(fault, entity or f"{host}:{fault}", labels={"host": host}, **fields)


@pytest.fixture
def lifecycle():
    return IncidentLifecycle(FAULTS)


class Life:
    """Incidents from poll to poll, as a store would keep them."""

    def __init__(self, lifecycle):
        self.lifecycle = lifecycle
        self.known = []
        self.over = []
        self.seconds = 0
        self.opened = []

    def see(self, *candidates, polls=1, **shown_as):
        for _ in range(polls):
            shown = at(self.seconds, **shown_as)
            changes = self.lifecycle.update(candidates, self.known, Visibility(shown), shown.at)
            self.over += [one for one in changes.known if not one.symptomatic]
            self.known = [one for one in changes.known if one.symptomatic]
            for one in changes.opened:
                kept = replace(one, id=len(self.known) + len(self.over) + 1)
                self.known.append(kept)
                self.opened.append(kept)
            self.seconds += 15

    def move(self, incident_id, state, **fields):
        self.known = [
            replace(one, state=state, **fields) if one.id == incident_id else one for one in self.known
        ]

    def faults(self):
        return {one.id: [c.fault for c in one.diagnosis.candidates] for one in self.known}


@pytest.fixture
def life(lifecycle):
    return Life(lifecycle)


def test_an_effect_on_the_same_host_belongs_to_its_cause(life):
    life.see(on("w1", "errors"), on("w1", "disk_full"), on("w1", "failed"))
    assert life.known[0].fault == "disk_full"
    assert life.faults() == {1: ["disk_full", "errors", "failed"]}


def test_unrelated_faults_and_other_hosts_are_incidents_of_their_own(life):
    life.see(on("w1", "down"), on("w1", "disk_full"), on("w2", "disk_full"))
    assert sorted(one.entity for one in life.known) == ["w1:disk_full", "w1:down", "w2:disk_full"]


def test_a_cause_explains_nothing_on_another_unit_of_the_host(life):
    life.see(
        on("w1", "refused", "w1:a", identity={"host": "w1", "unit": "a"}),
        on("w1", "failed", "w1:b", identity={"host": "w1", "unit": "b"}),
    )
    assert life.faults() == {1: ["refused"], 2: ["failed"]}


def test_what_has_no_host_is_not_together_on_the_host_without_a_name(life):
    life.see(on("", "disk_full", "a"), on("", "failed", "b"))
    assert len(life.known) == 2


def test_what_began_long_before_it_is_no_effect(life):
    early = (symptom(since=NOW - timedelta(hours=2)),)
    life.see(on("w1", "disk_full"), on("w1", "failed", symptoms=early))
    assert len(life.known) == 2


def test_what_breaks_long_after_its_cause_was_seen_last_is_no_effect_of_it(life):
    """The series of the cause may be gone for ever: nothing will say that it is over, or that it is not."""
    life.see(on("w1", "disk_full", DISK))
    life.move(1, IncidentState.ESCALATED)
    life.see(polls=3, values=GONE)
    since = NOW + timedelta(seconds=life.seconds)
    life.see(on("w1", "errors", symptoms=(symptom(since=since),)), values=GONE)
    assert life.faults() == {1: ["disk_full", "errors"]}
    life.see(on("w1", "errors", symptoms=(symptom(since=since),)), polls=60, values=GONE)
    since = NOW + timedelta(seconds=life.seconds)
    life.see(on("w1", "failed", SERVICE, symptoms=(symptom(since=since),)), values=GONE)
    assert life.known[1].fault == "failed"
    assert "failed" not in life.faults()[1]


def test_an_effect_belongs_to_one_cause_only(life):
    later = (symptom(since=NOW + timedelta(seconds=30)),)
    life.see(
        on("w1", "disk_full", "w1:/"),
        on("w1", "disk_full", "w1:/var", symptoms=later),
        on("w1", "failed", symptoms=later),
    )
    assert sorted(map(len, life.faults().values())) == [1, 2]
    assert len(life.known) == 2


def test_two_rules_for_the_same_fault_make_one_candidate(life):
    life.see(
        on("w1", "down", voters={"rule a": 0.7}, confidence=0.7, evidence=("a",)),
        on("w1", "down", voters={"rule b": 0.9}, confidence=0.9, evidence=("b",)),
    )
    (one,) = life.known
    assert one.best.confidence == 0.9
    assert one.best.evidence == ("b", "a")
    assert set(one.best.voters) == {"rule a", "rule b"}


def test_a_known_incident_takes_up_what_it_causes(life):
    life.see(on("w1", "disk_full"))
    life.see(on("w1", "disk_full"), on("w1", "failed"))
    assert life.faults() == {1: ["disk_full", "failed"]}
    assert life.known[0].diagnosis.candidates[1].joined_at == NOW + POLL


class TestWhenACauseIsOver:
    """Effects that last become incidents of their own, whatever state the incident was in."""

    @pytest.mark.parametrize(
        "state", [IncidentState.OPEN, IncidentState.HELD, IncidentState.AWAITING_APPROVAL,
                  IncidentState.ESCALATED],
    )  # fmt: skip
    def test_its_effect_becomes_an_incident_of_its_own(self, life, state):
        life.see(on("w1", "disk_full", DISK), on("w1", "failed", SERVICE))
        life.move(1, state)
        life.see(on("w1", "failed", SERVICE), polls=6)
        (own,) = life.known
        assert (own.fault, own.parent_id, own.reason) == ("failed", 1, Reason.CAUSE_OVER)
        assert [one.id for one in life.over] == [1]

    def test_an_effect_that_begins_while_it_is_missed_is_not_lost(self, life):
        life.see(on("w1", "disk_full", DISK))
        life.move(1, IncidentState.ESCALATED)
        life.see(polls=2)
        late = on("w1", "failed", SERVICE, symptoms=(symptom(since=NOW + POLL),))
        life.see(late)
        assert life.faults() == {1: ["disk_full", "failed"]}
        life.see(late, polls=5)
        assert [(one.fault, one.parent_id) for one in life.known] == [("failed", 1)]

    def test_what_comes_after_it_was_cleared_has_nothing_to_do_with_it(self, life):
        life.see(on("w1", "disk_full", DISK))
        life.move(1, IncidentState.ESCALATED)
        life.see(polls=6)
        life.see(on("w1", "failed", SERVICE))
        assert [(one.fault, one.parent_id) for one in life.known] == [("failed", None)]

    def test_nothing_leaves_while_a_run_is_at_work_and_all_is_decided_after_it(self, life):
        life.see(on("w1", "disk_full", DISK))
        life.move(1, IncidentState.VERIFYING)
        life.see(on("w1", "failed", SERVICE), polls=8)
        assert life.faults() == {1: ["disk_full", "failed"]}
        assert life.known[0].fault == "disk_full"
        life.move(1, IncidentState.RECOVERED, closed_at=NOW + timedelta(seconds=life.seconds))
        life.see(on("w1", "failed", SERVICE))
        assert [(one.fault, one.parent_id) for one in life.known] == [("failed", 1)]


class TestWithPeople:
    """An escalated incident is looked at on and on."""

    def test_its_numbers_and_evidence_stay_current(self, life):
        life.see(on("w1", "disk_full", evidence=("0 % left",)))
        life.move(1, IncidentState.ESCALATED)
        life.see(on("w1", "disk_full", evidence=("3 % left",)))
        assert life.known[0].best.evidence == ("3 % left",)

    def test_a_cause_found_later_on_another_entity_is_treated(self, life):
        life.see(on("w1", "failed", SERVICE))
        life.move(1, IncidentState.ESCALATED)
        life.see(on("w1", "failed", SERVICE), on("w1", "disk_full", DISK))
        assert life.faults() == {1: ["failed"], 2: ["disk_full"]}


class TestGone:
    """Only what speaks against a fault ends it, for as long as the rule itself waits."""

    def test_symptoms_have_to_stay_away_before_they_count_as_gone(self, life):
        life.see(on("web1", "down"))
        life.see(polls=4)
        assert life.known
        life.see()
        assert not life.known

    def test_a_rule_that_waits_long_is_not_over_sooner(self, life):
        life.see(on("web1", "down", lasts=timedelta(minutes=5)))
        life.see(polls=20)
        assert life.known
        life.see()
        assert not life.known

    @pytest.mark.parametrize(
        "shown", [{"values": GONE}, {"answered": []}, {"partial": {"up": "a store did not answer"}}]
    )
    def test_missing_samples_do_not_make_symptoms_go_away(self, life, shown):
        life.see(on("web1", "down"))
        life.see(polls=500, **shown)
        assert life.known

    def test_time_in_which_nothing_was_measured_does_not_count(self, life):
        life.see(on("web1", "down"))
        for _ in range(8):
            life.see()
            life.see(polls=20, values=GONE)
        assert life.known

    def test_time_in_which_nobody_looked_does_not_count(self, life):
        life.see(on("web1", "down"))
        for _ in range(3):
            life.see()
            life.seconds += 3600
        assert life.known

    def test_a_restart_begins_to_count_anew(self, life):
        life.see(on("web1", "down"))
        for _ in range(5):
            life.lifecycle = IncidentLifecycle(FAULTS)
            life.seconds += 600
            life.see(polls=3)
        assert life.known

    def test_a_sample_counts_once_however_often_it_is_polled(self, life):
        life.see(on("web1", "down"))
        stale = at(0)
        for _ in range(20):
            life.known = life.lifecycle.update([], life.known, Visibility(stale), stale.at).known
        assert life.known[0].symptomatic

    def test_samples_a_minute_apart_are_counted_by_their_own_pace(self, life):
        life.see(on("web1", "down"))
        polls = frame({("up", "host=web1"): [1] * 41})
        for end in range(9, 42, 4):
            own = np.zeros((1, end), bool)
            own[0, ::4] = True
            shown = replace(polls, times=polls.times[:end], values=polls.values[:, :end], sampled=own)
            (one,) = life.lifecycle.update([], life.known, Visibility(shown), NOW).known
            life.known = [one]
            assert one.symptomatic is (end < 13)
            if not one.symptomatic:
                break

    def test_what_a_rule_cannot_rule_out_is_not_over(self, life):
        life.see(on("web1", "down"))
        held = [Held(rule="r", fault="down", entity="web1:down", why="not answered")]
        for poll in range(20):
            shown = at(15 * poll)
            life.known = life.lifecycle.update([], life.known, Visibility(shown, held), shown.at).known
        assert life.known[0].symptomatic

    @pytest.mark.parametrize("kind", ["log", "event", "alert"])
    def test_what_came_by_itself_is_over_only_where_its_source_was_read_on(self, life, kind):
        life.see(on("web1", "down", symptoms=(symptom(kind=kind),)))
        for until in ({}, {kind: NOW}):
            for poll in range(20):
                shown = at(15 * poll)
                visible = Visibility(shown, (), until)
                life.known = life.lifecycle.update([], life.known, visible, shown.at).known
            assert life.known[0].symptomatic
        for poll in range(6):
            visible = Visibility(at(0), (), {kind: NOW + poll * POLL})
            life.known = life.lifecycle.update([], life.known, visible, NOW + poll * POLL).known
        assert not life.known[0].symptomatic

    def test_what_comes_back_begins_to_count_anew(self, life):
        for _ in range(5):
            life.see(on("web1", "down"))
            life.see(polls=4)
        assert [one.id for one in life.opened] == [1]

    def test_an_absence_that_ended_is_gone(self, life):
        life.see(on("web1", "down", symptoms=(symptom(kind="absence"),)))
        life.see(polls=6)
        assert not life.known


@pytest.mark.parametrize("state", [IncidentState.REMEDIATING, IncidentState.VERIFYING])
def test_what_an_incident_is_about_does_not_change_under_a_run(life, state):
    life.see(on("w1", "failed", SERVICE))
    life.move(1, state)
    life.see(on("w1", "failed", SERVICE), on("w1", "disk_full", DISK))
    assert (life.known[0].fault, life.faults()) == ("failed", {1: ["failed", "disk_full"]})
    life.move(1, IncidentState.OPEN)
    life.see(on("w1", "failed", SERVICE), on("w1", "disk_full", DISK))
    assert (life.known[0].fault, life.faults()) == ("disk_full", {1: ["disk_full", "failed"]})


class TestAfterARecovery:
    """The symptom that was there before may linger; one that is new is a new incident."""

    def recovered(self, **fields):
        alert = symptom(kind="alert", since=NOW - timedelta(minutes=5))
        known = incident(on("web1", "down", symptoms=(alert,)), id=7, closed_at=NOW, **fields)
        return replace(known, state=IncidentState.RECOVERED)

    def seen(self, **since):
        return on("web1", "down", symptoms=(symptom(kind="alert", since=NOW + timedelta(**since)),))

    def opened(self, lifecycle, candidate, known):
        return lifecycle.update([candidate], [known], Visibility(at(0)), NOW).opened

    def test_what_lasts_since_before_belongs_to_it(self, lifecycle):
        assert not self.opened(lifecycle, self.seen(minutes=-5), self.recovered())

    def test_what_came_back_is_a_new_incident_that_knows_the_first(self, lifecycle):
        (one,) = self.opened(lifecycle, self.seen(seconds=1), self.recovered())
        assert (one.parent_id, one.reason) == (7, Reason.RELAPSED)

    def test_what_lingers_too_long_was_no_recovery(self, lifecycle):
        old = replace(self.recovered(), closed_at=NOW - timedelta(minutes=16))
        assert len(self.opened(lifecycle, self.seen(minutes=-30), old)) == 1

    def test_an_effect_that_lasts_since_before_is_not_covered_by_it(self, lifecycle):
        cause, effect = on("w1", "disk_full", DISK), on("w1", "failed", SERVICE)
        known = replace(incident(cause, effect, id=7, closed_at=NOW + POLL), state=IncidentState.RECOVERED)
        (one,) = lifecycle.update([effect], [known], Visibility(at(30)), NOW + 2 * POLL).opened
        assert (one.fault, one.parent_id) == ("failed", 7)


class TestClosedByAPerson:
    """It stays closed while the same lasts; anything else is an incident."""

    def test_the_same_fault_opens_nothing_while_it_lasts(self, life):
        life.see(on("w1", "failed", SERVICE))
        life.move(1, IncidentState.CLOSED)
        life.see(on("w1", "failed", SERVICE), polls=1000)
        assert life.faults() == {1: ["failed"]}

    def test_another_fault_of_the_entity_opens_an_incident(self, life):
        life.see(on("w1", "failed", SERVICE))
        life.move(1, IncidentState.CLOSED)
        life.see(on("w1", "failed", SERVICE), on("w1", "down", SERVICE), on("w1", "errors", "w1:web"))
        assert sorted(fault for one in life.faults().values() for fault in one) == [
            "down",
            "errors",
            "failed",
        ]
        assert life.known[0].state is IncidentState.CLOSED


@pytest.mark.parametrize("hosts", [1, 1000])
def test_a_storm_is_grouped_with_work_that_grows_with_it(hosts):
    def storm(size):
        found = [
            on(f"h{n % hosts}", fault, f"h{n % hosts}:{fault}{n}", symptoms=(symptom(labels={"n": str(n)}),))
            for n in range(size // 2)
            for fault in ("disk_full", "failed")
        ]
        life = IncidentLifecycle(FAULTS)

        def two_polls():
            update = life.update(found, [], Visibility(at(0)), NOW)
            opened = [replace(one, id=n) for n, one in enumerate(update.opened, 1)]
            life.update(found, opened, Visibility(at(15)), NOW + POLL)

        return instructions(two_polls)

    assert storm(1200) < 5 * storm(300)


def test_faults_that_explain_each_other_end():
    loop = {
        "a": Fault(id="a", summary="s", causes=["b"]),
        "b": Fault(id="b", summary="s", causes=["a"]),
    }
    life = Life(IncidentLifecycle(loop))
    life.see(on("w", "a", "w:x", confidence=0.5), on("w", "b", "w:x"))
    assert [one.fault for one in life.known] == ["b"]
