"""The stop switches: pause means that nothing begins, and what stops something waits for no source."""

import threading
import time
from datetime import timedelta

import pytest

from agent.errors import NotFoundError
from agent.reasons import Reason
from agent.records import IncidentState, PauseScope, RunPhase
from agent.response.deciding import Deciding
from tests.servers.process import wait_until
from tests.world import ANN, CATALOG

UNDOING = {"reinstall": {**CATALOG["reinstall"], "risk": "low"}}


def test_a_rollback_does_not_begin_while_paused_and_people_are_told_what_waits(make_world):
    world = make_world(catalog=UNDOING)
    world.pass_time(15)
    world.break_host("web1")
    world.until(lambda: world.at_work("steps"))
    pause = world.people.pause(ANN, "look at it")
    world.finish("fails")
    world.pass_time(60)
    assert world.at_work() == []
    assert (world.runs()[0].phase, world.incidents[0].reason) == (RunPhase.ROLLING_BACK, Reason.ROLLING_BACK)
    assert "look at it" in world.incidents[0].detail
    assert world.messages("waiting") == ["waiting"]
    world.people.resume(ANN, pause.id)
    world.turn()
    assert world.at_work("rollback")


def test_a_pause_that_comes_between_intent_and_start_lets_nothing_begin(world, monkeypatch):
    begin = type(world.workers)._begin

    def paused_first(workers, run):
        world.people.pause(ANN)
        return begin(workers, run)

    monkeypatch.setattr(type(world.workers), "_begin", paused_first)
    world.pass_time(15)
    world.break_host("web1")
    world.until(lambda: world.incidents and world.incidents[0].reason is Reason.PAUSED)
    assert world.works == []
    assert world.locked() == frozenset()


@pytest.mark.parametrize(
    ("scope", "begun"),
    [
        (PauseScope(hosts=("web1",)), {"web2"}),
        (PauseScope(groups=("web",)), set()),
        (PauseScope(groups=("db",)), {"web1", "web2"}),
        (PauseScope(faults=("down",)), set()),
        (PauseScope(remediations=("reinstall",)), {"web1", "web2"}),
    ],
)
def test_a_pause_may_be_of_some_hosts_groups_faults_or_remediations(world, scope, begun):
    pause = world.people.pause(ANN, scope=scope)
    world.pass_time(15)
    for host in ("web1", "web2"):
        world.break_host(host)
    world.pass_time(60)
    assert {host for work in world.at_work("steps") for host in work.hosts} == begun
    world.people.resume(ANN, pause.id)
    world.pass_time(15)
    assert len(world.at_work("steps")) == 2
    with pytest.raises(NotFoundError, match="not in force"):
        world.people.resume(ANN, pause.id)


class TestWhileEverySourceHangs:
    @pytest.fixture
    def hanging(self, world):
        """A world in which one run is verified, another at work, and the source takes for ever."""
        world.pass_time(15)
        world.break_host("web1")
        world.until(lambda: world.at_work("steps"))
        world.finish(mend=True)
        world.until(lambda: world.incidents[0].state is IncidentState.VERIFYING)
        world.break_host("web2")
        world.until(lambda: world.at_work("steps"))
        world.metrics.hanging = threading.Event()
        world.clock.move(5)
        yield world
        world.metrics.hanging.set()

    def quickly(self, what):
        began = time.monotonic()
        what()
        assert time.monotonic() - began < 30  # Prometheus hangs for 60 s

    def test_a_turn_waits_for_none(self, hanging):
        for _ in range(5):
            self.quickly(hanging.responder.turn)

    def test_a_cancel_reaches_its_run(self, hanging):
        self.quickly(lambda: hanging.people.cancel(2, ANN))
        self.quickly(hanging.responder.heed_cancels)
        (work,) = [one for one in hanging.works if one.run.incident_id == 2]
        assert work.cancel.is_set()

    def test_a_cancel_waits_for_no_turn_either(self, hanging):
        hanging.people.cancel(2, ANN)
        with hanging.responder.lock:
            thread = threading.Thread(target=hanging.responder.heed_cancels)
            thread.start()
            thread.join(1)
            assert not thread.is_alive()

    def test_a_pause_holds_at_once(self, hanging):
        self.quickly(lambda: hanging.people.pause(ANN))
        hanging.break_host("web3")
        hanging.responder.turn()
        assert {work.run.incident_id for work in hanging.at_work("steps")} == {2}

    def test_what_is_verified_ends_unknown_and_for_people(self, hanging):
        hanging.finish("ok")
        for _ in range(60):
            hanging.clock.move(5)
            hanging.responder.turn()
        assert {one.reason for one in hanging.incidents} == {Reason.METRICS_MISSING}
        assert hanging.locked() == frozenset()


def test_stopping_begins_nothing_more_and_the_next_life_goes_on(make_world):
    world = make_world(catalog=UNDOING)
    world.pass_time(15)
    world.break_host("web1")
    world.until(lambda: world.at_work("steps"))
    (work,) = world.at_work("steps")
    world.responder.stop()
    stopping = threading.Thread(target=world.workers.stop, args=(world.current.settings.remediate.grace * 0,))
    stopping.start()
    stopping.join(10)
    assert work.outcome == "canceled"
    world.responder.turn()
    assert world.runs()[0].phase is RunPhase.VERIFYING
    world.restart()
    world.mend_host("web1")
    world.until(lambda: world.incidents[0].state.settled)
    assert world.incidents[0].state is IncidentState.RECOVERED


def test_a_decision_under_way_when_the_agent_is_stopped_begins_nothing(world, monkeypatch):
    write_intent = Deciding._write_intent
    stopping = threading.Thread(target=world.workers.stop, args=(timedelta(minutes=1),))
    world.pass_time(15)
    world.break_host("web1")
    world.until(lambda: world.at_work("steps"))

    def stopped_first(deciding, *given):
        world.responder.stop()
        stopping.start()
        wait_until(lambda: world.workers._stopping, 10, lambda: "")
        return write_intent(deciding, *given)

    monkeypatch.setattr(Deciding, "_write_intent", stopped_first)
    world.break_host("web2")
    world.until(lambda: len(world.incidents) == 2 and world.runs(2))
    begun = [work.run.incident_id for work in world.works]
    world.finish(mend=True)
    stopping.join(10)
    assert begun == [1]
    assert world.runs(2)[0].phase is RunPhase.INTENDED


@pytest.mark.parametrize(
    ("scope", "said"),
    [
        (PauseScope(hosts=("wbe1",)), "no host 'wbe1'; did you mean web1"),
        (PauseScope(groups=("wbe",)), "no group 'wbe'; did you mean web?"),
        (PauseScope(faults=("down", "donw")), "no fault 'donw'; did you mean down?"),
        (PauseScope(remediations=("restrat",)), "no remediation 'restrat'; did you mean restart?"),
    ],
)
def test_a_pause_of_a_mistyped_name_is_refused_with_what_was_meant(world, scope, said):
    with pytest.raises(NotFoundError, match=said):
        world.people.pause(ANN, scope=scope)
    assert world.stores.pauses.in_force(world.clock.now()) == []


def test_a_host_is_paused_under_each_way_of_writing_it(world):
    world.people.pause(ANN, scope=PauseScope(hosts=("WEB1.",)))
    world.pass_time(15)
    world.break_host("web1")
    world.pass_time(60)
    assert world.incidents[0].reason is Reason.PAUSED
