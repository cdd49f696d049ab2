"""What a poll shows is written with its incident; what joins one that people have is told to them once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agent.config.rulefiles import Fault
from agent.diagnose import IncidentLifecycle, Visibility
from agent.records import Harm, IncidentState, Topology
from agent.response import ACTOR, Escalation
from agent.store import open_stores
from agent.tracking import IncidentTracker
from tests.make import candidate, frame, symptom

FAULTS = {
    "disk_full": Fault(id="disk_full", summary="Full", causes=["failed"]),
    "failed": Fault(id="failed", summary="It failed"),
}
DISK, UNITS = "web1:/var", ["web1:a", "web1:b", "web1:c"]


class Tracked:
    """A tracker on a real store, its incidents moved by hand."""

    def __init__(self, folder, clock):
        self.stores = open_stores(folder / "opsmend.db")
        self.clock = clock
        self.lifecycle = IncidentLifecycle(FAULTS)
        escalation = Escalation(None, lambda: ["oncall"])
        self.tracker = IncidentTracker(self.stores, escalation, lambda *of: None, clock)

    def see(self, *seen, polls=1):
        for _ in range(polls):
            shown = frame({("up", "host=web1"): [1, 1]})
            at = self.clock.move(seconds=15)
            shown = replace(shown, at=at, times=shown.times + at.timestamp() - shown.times[-1])
            found = self.tracker.track(self.lifecycle, seen, Visibility(shown), Topology())
        return found

    def escalate(self):
        (one,) = self.stores.incidents.active()
        self.stores.incidents.save(replace(one, state=IncidentState.ESCALATED), ACTOR)

    def messages(self):
        return [one for one in self.stores.notifications.of_incident(1) if one.kind == "joined"]


@pytest.fixture
def tracked(tmp_path, clock):
    made = Tracked(tmp_path, clock)
    yield made
    made.stores.close()


def full(left="0 % left"):
    return candidate("disk_full", DISK, evidence=(left,))


def failed(entity, clock):
    return candidate("failed", entity, symptoms=(symptom(since=clock.now()),))


def test_what_joins_within_half_a_minute_is_one_message_and_comes_no_second_time(tracked, clock):
    tracked.see(full())
    tracked.escalate()
    a, b, c = (failed(one, clock) for one in UNITS)
    tracked.see(full(), a)
    tracked.see(full(), a, b)
    (waiting,) = tracked.messages()
    assert waiting.subject == "failed on web1:a\nfailed on web1:b"
    tracked.stores.notifications.settle(waiting, "sent")
    tracked.see(full(), polls=10)  # a and b are over
    tracked.see(full(), a, b, c)
    assert [one.subject for one in tracked.messages()] == [waiting.subject, "failed on web1:c"]


def test_nobody_is_told_of_what_joins_an_incident_that_the_agent_has(tracked, clock):
    tracked.see(full())
    tracked.see(full(), failed(UNITS[0], clock))
    assert not tracked.messages()


def test_the_numbers_of_an_escalated_incident_are_written_from_time_to_time(tracked):
    tracked.see(full())
    tracked.escalate()
    tracked.see(full("1 % left"))
    assert tracked.stores.incidents.get(1).best.evidence == ("0 % left",)
    tracked.see(full("2 % left"), polls=4)
    assert tracked.stores.incidents.get(1).best.evidence == ("2 % left",)


def test_an_effect_that_outlasts_its_cause_is_kept_with_where_it_came_from(tracked, clock):
    tracked.see(full(), failed(UNITS[0], clock))
    tracked.escalate()
    tracked.see(failed(UNITS[0], clock), polls=6)
    first, second = tracked.stores.incidents.get(1), tracked.stores.incidents.get(2)
    assert not first.symptomatic
    assert (second.parent_id, second.fault, second.state) == (1, "failed", IncidentState.OPEN)
    assert "incident 1" in second.detail


def test_a_restart_in_the_middle_clears_nothing(tracked):
    tracked.see(full())
    for _ in range(3):
        tracked.clock.move(minutes=30)
        tracked.lifecycle = IncidentLifecycle(FAULTS, keep_for=timedelta(minutes=1))
        tracked.see(polls=3)
    assert tracked.stores.incidents.get(1).symptomatic


@pytest.mark.parametrize(
    "news",
    [
        {"harm": Harm(unseen=("nobody waits",))},
        {"harm": Harm(unknown=("nothing measures it",))},
        {"labels": {"host": "web2"}},
        {"confidence": 0.5},
    ],
)
def test_what_a_decision_rests_on_is_the_same_after_the_poll_and_from_the_store(tracked, news):
    tracked.see(full())
    (found,) = tracked.see(replace(full("1 % left"), **news))
    assert found == tracked.stores.incidents.get(1)
    (name,) = news
    assert getattr(found.best, name) == news[name]


def test_numbers_that_changed_alone_wait_and_what_is_returned_is_what_is_kept(tracked):
    tracked.see(full())
    (found,) = tracked.see(full("1 % left"))
    assert found.best.evidence == ("0 % left",)
    assert found.version == tracked.stores.incidents.get(1).version
