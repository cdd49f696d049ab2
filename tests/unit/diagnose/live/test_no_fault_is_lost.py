"""Whatever comes and goes: no fault that is seen is in no incident, or in one that neither acts nor tells."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from agent.config.rulefiles import Fault
from agent.diagnose import Dependencies, IncidentLifecycle, Visibility
from agent.diagnose.live.grouping import AT_WORK_STATES, LINGER
from agent.records import IncidentState
from agent.records.evidence import Edge
from tests.make import NOW, candidate, frame, symptom

FAULTS = {
    "disk_full": Fault(id="disk_full", summary="s", causes=["failed"]),
    "failed": Fault(id="failed", summary="s", causes=["errors"]),
    "errors": Fault(id="errors", summary="s", passed_on=True),
}
# who shows what, and where: two hosts, one of which needs the other
PLACES = [
    ("disk_full", "db:/var", "db"),
    ("disk_full", "db:/srv", "db"),
    ("failed", "db:sql", "db"),
    ("errors", "db:sql", "db"),
    ("disk_full", "web:/var", "web"),
    ("failed", "web:shop", "web"),
    ("errors", "web:shop", "web"),
]
KEEP = timedelta(minutes=1)
POLL = timedelta(seconds=15)
RUN = timedelta(minutes=5)
_NEXT = {
    # a run may end between two polls
    IncidentState.OPEN: ["held", "awaiting_approval", "remediating", "escalated", "recovered"],
    IncidentState.HELD: ["open", "awaiting_approval", "remediating", "escalated"],
    IncidentState.AWAITING_APPROVAL: ["held", "remediating", "escalated"],
    IncidentState.REMEDIATING: ["verifying", "open"],
    IncidentState.VERIFYING: ["recovered", "open"],
}


class Site:
    """A site whose faults come, go and are not measured, and a response that does whatever it may do."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.dependencies = Dependencies([Edge(source="web", target="db")])
        self.lifecycle = self.started()
        self.now = NOW
        self.there = {}  # fault and entity: since when
        self.unmeasured = set()
        self.incidents = []
        self.number = 0
        self.told = set()
        self.at_work_since = {}
        self.seen = []
        self.escalated_for = {}  # the entity that people were called for
        self.gone_since = {}  # since when nothing is seen of that entity though it is measured

    def started(self):
        return IncidentLifecycle(FAULTS, self.dependencies, KEEP)

    def live(self, steps):
        """Let something happen between polls, again and again; look at every poll."""
        actions = [self.begin_or_end_a_fault] * 5 + [self.respond] * 6
        actions += [self.lose_or_find_the_exporter, self.close_by_hand, self.restart_the_agent]
        for _ in range(steps):
            self.chance.choice(actions)()
            for _ in range(self.chance.choice([1, 1, 2, 3, 6, 8, 70])):
                self.one_poll()
                self.every_fault_is_held_once_by_an_incident_that_acts_or_tells()
                self.nothing_stays_with_people_who_were_called_for_something_that_is_over()

    def begin_or_end_a_fault(self):
        place = self.chance.choice(PLACES)
        if self.there.pop(place, None) is None:
            self.there[place] = self.now

    def lose_or_find_the_exporter(self):
        self.unmeasured ^= {self.chance.choice(["db", "web"])}

    def restart_the_agent(self):
        self.lifecycle = self.started()

    def respond(self):
        movable = [one for one in self.incidents if one.state in _NEXT]
        if movable:
            one = self.chance.choice(movable)
            self.move(one, IncidentState(self.chance.choice(_NEXT[one.state])))

    def close_by_hand(self):
        open_ones = [one for one in self.incidents if not one.state.final and one.state not in AT_WORK_STATES]
        if open_ones:
            self.move(self.chance.choice(open_ones), IncidentState.CLOSED)

    def one_poll(self):
        self.now += POLL
        measured = {"db", "web"} - self.unmeasured
        shown = frame({("up", f"host={host}"): [1, 1] for host in measured})
        shown = replace(shown, at=self.now, times=shown.times + (self.now - NOW).total_seconds())
        self.seen = [
            candidate(
                fault,
                entity,
                labels={"host": host},
                symptoms=(symptom(labels={"host": host}, since=since),),
            )
            for (fault, entity, host), since in self.there.items()
            if host in measured
        ]
        changes = self.lifecycle.update(self.seen, self.incidents, Visibility(shown), self.now)
        kept = []
        for before, after in zip(self.incidents, changes.known, strict=True):
            if after.state in (IncidentState.ESCALATED, IncidentState.AWAITING_APPROVAL):
                known = {one.key for one in before.diagnosis.candidates}
                self.told |= {
                    (after.id, one.key) for one in after.diagnosis.candidates if one.key not in known
                }
            if after.symptomatic or after.state in AT_WORK_STATES:
                kept.append(after)
        for one in changes.opened:
            self.number += 1
            kept.append(replace(one, id=self.number))
        self.incidents = kept
        self.runs_end()

    def runs_end(self):
        for one in list(self.incidents):
            if one.state not in AT_WORK_STATES:
                self.at_work_since.pop(one.id, None)
            elif self.now - self.at_work_since.setdefault(one.id, self.now) > RUN:
                self.move(one, IncidentState.OPEN)

    def move(self, incident, state):
        if state in (IncidentState.ESCALATED, IncidentState.AWAITING_APPROVAL):
            self.told |= {(incident.id, one.key) for one in incident.diagnosis.candidates}
        if state is IncidentState.ESCALATED:
            self.escalated_for[incident.id] = incident.entity
        over = self.now if state.final else None
        moved = replace(incident, state=state, closed_at=over)
        self.incidents = [moved if one.id == incident.id else one for one in self.incidents]

    def holders(self, key):
        return [one for one in self.incidents if key in {c.key for c in one.diagnosis.candidates}]

    def every_fault_is_held_once_by_an_incident_that_acts_or_tells(self):
        for one in self.seen:
            holders = self.holders(one.key)
            active = [incident for incident in holders if not incident.state.final]
            if not active:
                assert any(self.excused(incident, one) for incident in holders), (one.key, self.incidents)
                continue
            (holder,) = active
            assert self.acts_or_tells(holder, one.key), (one.key, holder)

    def excused(self, incident, one):
        if incident.state is IncidentState.CLOSED:
            return True
        if incident.closed_at is None or self.now - incident.closed_at > LINGER + POLL:
            return False
        # what a recovery did not end is an incident of its own at the next poll
        return one.entity == incident.entity or self.now - incident.closed_at <= POLL

    def acts_or_tells(self, holder, key):
        if holder.state in AT_WORK_STATES:
            return True
        if holder.state in (IncidentState.ESCALATED, IncidentState.AWAITING_APPROVAL):
            return (holder.id, key) in self.told
        # it is what the incident is about, or explained by what it is about
        return any(one.entity == holder.entity for one in holder.diagnosis.candidates)

    def nothing_stays_with_people_who_were_called_for_something_that_is_over(self):
        present = {one.entity for one in self.seen}
        gone = {}
        for holder in self.incidents:
            entity = self.escalated_for.get(holder.id, "")
            if holder.state is not IncidentState.ESCALATED or entity in present or self.unmeasured:
                continue
            gone[holder.id] = self.gone_since.get(holder.id, self.now)
            lasting = {one.entity for one in holder.diagnosis.candidates} & present
            assert not lasting or self.now - gone[holder.id] <= KEEP + 2 * POLL, holder
        self.gone_since = gone


@pytest.mark.parametrize("seed", range(8))
def test_no_fault_is_lost(seed):
    Site(seed).live(steps=120)
