"""A run from its intent to its verdict, and what interrupts it: it goes on from the phase it is in."""

import time
from dataclasses import replace
from datetime import timedelta

import pytest

from agent.errors import RefusedError
from agent.reasons import Reason
from agent.records import IncidentState, RunPhase, RunState, Verdict
from agent.response.phases import TABLE, Do, Found
from tests.make import success
from tests.world import ANN, CATALOG

UNDOING = {"reinstall": {**CATALOG["reinstall"], "risk": "low"}}


@pytest.fixture
def begun(world):
    """A world in which a run is at work on web1."""
    world.pass_time(15)
    world.break_host("web1")
    world.until(lambda: world.at_work("steps"))
    return world


@pytest.fixture
def undoing(make_world):
    """A world in which a run that has a rollback is at work on web1."""
    made = make_world(catalog=UNDOING)
    made.pass_time(15)
    made.break_host("web1")
    made.until(lambda: made.at_work("steps"))
    return made


def test_every_phase_says_what_to_do_when_nobody_is_at_work_when_tried_in_vain_and_when_it_raised():
    for phase in RunPhase:
        if phase in (RunPhase.OVER, RunPhase.VERIFYING):
            continue
        assert TABLE[phase, Found.AT_WORK] is Do.WAIT
        assert TABLE[phase, Found.NOBODY] is not Do.WAIT
        assert TABLE[phase, Found.RAISED] is not Do.WAIT
    # whatever is tried again has an end
    again = {phase for (phase, _), do in TABLE.items() if do is Do.TRY_AGAIN}
    assert {phase for phase in again if TABLE[phase, Found.USED_UP] is Do.CONCLUDE} == again


def test_a_broken_host_is_mended_proved_and_free_again(begun):
    assert begun.locked() == {begun.inventory.known["web1"].identity}
    begun.finish(mend=True)
    begun.until(lambda: begun.incidents[0].state is IncidentState.VERIFYING)
    assert begun.locked()  # until the verdict
    begun.until(lambda: begun.incidents[0].state.settled)
    (run,) = begun.runs()
    assert (run.state, run.verdict, run.phase) == (RunState.SUCCEEDED, Verdict.RECOVERED, RunPhase.OVER)
    assert begun.incidents[0].reason is Reason.CHECKS_HELD
    assert begun.locked() == frozenset()


@pytest.mark.parametrize("write", range(8))
def test_a_crash_before_any_write_loses_nothing_and_does_nothing_twice(make_world, write):
    world = make_world()
    world.pass_time(15)
    world.break_host("web1")
    world.kill_before_write(write)
    for _ in range(60):
        world.pass_time(5)
        world.finish(mend=True)
        if world.incidents and world.incidents[0].state.settled:
            break
    (incident,) = world.incidents
    begun = [run for run in world.runs() if world.starts[run.id]]
    assert (incident.state, len(begun)) == (IncidentState.RECOVERED, 1), world.describe()
    assert all(count == 1 for count in world.starts.values())
    assert world.locked() == frozenset()


def test_an_interrupted_run_is_cleaned_up_after_and_verified_before_anything_else(begun):
    begun.restart()
    begun.until(lambda: begun.at_work("clean_up"))
    assert begun.incidents[0].reason is Reason.CLEANING_UP
    begun.finish("ok", mend=True, kind="clean_up")
    begun.until(lambda: begun.incidents[0].state.settled)
    (run,) = begun.runs()
    assert (run.state, run.verdict) == (RunState.INTERRUPTED, Verdict.RECOVERED)
    assert begun.starts[run.id] == 1


class TestARollback:
    def test_that_a_crash_interrupts_is_taken_up_and_frees_the_host(self, undoing):
        undoing.finish("fails")
        undoing.until(lambda: undoing.at_work("rollback"))
        undoing.restart()
        undoing.until(lambda: undoing.at_work("clean_up"))  # of the rollback that was cut short
        undoing.finish("ok")
        undoing.until(lambda: undoing.at_work("rollback"))
        undoing.finish("ok")
        undoing.until(lambda: undoing.incidents[0].state.settled)
        (run,) = undoing.runs()
        assert (run.phase, run.verdict, run.verdict_reason) == (
            RunPhase.OVER,
            Verdict.NOT_RECOVERED,
            Reason.STEP_FAILED,
        )
        assert undoing.locked() == frozenset()

    def test_whose_inventory_cannot_be_read_is_tried_again_and_then_for_people(self, undoing):
        undoing.inventory.broken = True
        undoing.finish("fails")
        undoing.until(lambda: undoing.incidents[0].state.settled, seconds=1800)
        (run,) = undoing.runs()
        assert (run.phase, run.verdict_reason) == (RunPhase.OVER, Reason.ROLLBACK_FAILED)
        assert "inventory cannot be read" in run.detail
        assert undoing.incidents[0].reason is Reason.ROLLBACK_FAILED
        assert undoing.messages("escalated") == ["escalated"]
        assert undoing.locked() == frozenset()

    def test_that_does_not_reach_its_host_succeeds_once_it_does(self, undoing):
        undoing.finish("fails")
        for _ in range(2):
            undoing.until(lambda: undoing.at_work("rollback"))
            undoing.finish("unreachable")
            undoing.until(lambda: undoing.at_work("clean_up"))  # before the next try
            undoing.finish("ok")
        undoing.until(lambda: undoing.at_work("rollback"))
        undoing.finish("ok")
        (run,) = undoing.runs()
        assert (run.phase, run.verdict_reason) == (RunPhase.OVER, Reason.STEP_FAILED)

    def test_that_fails_itself_is_for_people_at_once(self, undoing):
        undoing.finish("fails")
        undoing.until(lambda: undoing.at_work("rollback"))
        undoing.finish("fails")
        assert undoing.incidents[0].reason is Reason.ROLLBACK_FAILED
        assert undoing.messages("escalated") == ["escalated"]
        assert undoing.locked() == frozenset()

    def test_follows_an_interrupted_run_that_did_not_help(self, undoing):
        """Its steps did not come to their end: that is what the rollback is declared for."""
        undoing.restart()
        undoing.until(lambda: undoing.at_work("clean_up"))
        undoing.finish("ok")
        undoing.until(lambda: undoing.at_work("rollback"))
        undoing.finish("ok")
        (run,) = undoing.runs()
        assert (run.state, run.verdict) == (RunState.INTERRUPTED, Verdict.NOT_RECOVERED)

    def test_is_not_what_a_cancel_hits_that_comes_as_the_run_ends(self, undoing):
        undoing.people.cancel(1, ANN)  # heard only once the steps have failed by themselves
        undoing.at_work("steps")[0].finish("fails")
        undoing.turn()
        undoing.until(lambda: undoing.at_work("rollback"))
        with pytest.raises(RefusedError, match="no run at work"):
            undoing.people.cancel(1, ANN)
        undoing.turn()
        (rollback,) = undoing.at_work("rollback")
        assert not rollback.cancel.is_set()


def test_a_host_that_left_the_inventory_ends_with_people_called_and_spins_nothing(begun):
    begun.restart()
    del begun.inventory.known["web1"]
    begun.until(lambda: begun.incidents[0].state.settled, seconds=1800)
    (run,) = begun.runs()
    assert (run.phase, run.verdict_reason) == (RunPhase.OVER, Reason.LEFTOVERS_UNKNOWN)
    assert "gone" in run.detail
    assert run.tries <= 6
    assert begun.messages("escalated") == ["escalated"]
    assert begun.locked() == frozenset()


@pytest.mark.parametrize("hours", [-48, 48])
def test_a_clock_that_is_set_between_run_and_check_changes_no_verdict(begun, hours):
    begun.finish(mend=True)
    begun.clock.wall += timedelta(hours=hours)
    begun.until(lambda: begun.incidents[0].state.settled)
    assert begun.runs()[0].verdict is Verdict.RECOVERED


def test_what_may_be_left_on_a_host_that_does_not_answer_is_for_people(begun):
    begun.restart()
    for _ in range(6):
        begun.until(lambda: begun.at_work("clean_up"))
        begun.finish("not known")
    begun.until(lambda: begun.incidents[0].state.settled)
    assert begun.incidents[0].reason is Reason.LEFTOVERS_UNKNOWN
    assert begun.locked() == frozenset()


def test_a_worker_that_raises_reports_all_the_same(begun):
    begun.finish("raises")
    begun.until(lambda: begun.at_work("clean_up"))
    begun.finish("ok", mend=True)
    begun.until(lambda: begun.incidents[0].state.settled)
    (run,) = begun.runs()
    assert (run.state, run.verdict) == (RunState.INTERRUPTED, Verdict.RECOVERED)
    assert begun.locked() == frozenset()


def test_a_worker_that_ends_between_two_questions_is_not_taken_for_gone(begun, monkeypatch):
    is_at_work = begun.workers.is_at_work

    def ends_as_it_is_asked_for(run_id):
        for work in begun.at_work():
            begun.mend_host("web1")
            work.finish("ok")
        deadline = time.monotonic() + 10
        while is_at_work(run_id) and time.monotonic() < deadline:
            time.sleep(0.001)
        return is_at_work(run_id)

    monkeypatch.setattr(begun.workers, "is_at_work", ends_as_it_is_asked_for)
    begun.turn()
    begun.until(lambda: begun.incidents[0].state.settled)
    assert [work.kind for work in begun.works] == ["steps"]
    assert begun.runs()[0].verdict is Verdict.RECOVERED


def test_a_machine_that_is_another_one_by_now_is_not_touched(make_world):
    world = make_world(most=1)
    world.pass_time(15)
    moved = replace(world.inventory.known["web1"], identity="ssh 10.0.0.9 port 22")
    known, reads = world.inventory.hosts, []

    def hosts():  # read for the decision, and once more as the run begins
        found = known()
        reads.append(found)
        if len(reads) == 2:
            world.inventory.known["web1"] = moved
        return found

    world.inventory.hosts = hosts
    world.break_host("web1")
    world.until(lambda: world.incidents and world.runs())
    world.until(lambda: world.runs()[0].phase is RunPhase.OVER)
    assert world.runs()[0].verdict_reason is Reason.INVENTORY_UNAVAILABLE
    assert not world.works
    assert "another machine" in world.runs()[0].detail


class TestWhatAFailureMeans:
    def test_a_host_out_of_reach_is_tried_again_and_then_for_people(self, begun):
        for _ in range(3):
            begun.until(lambda: begun.at_work("steps"))
            begun.finish("unreachable")
        begun.until(lambda: begun.incidents[0].state.settled)
        assert begun.incidents[0].reason is Reason.HOST_UNREACHABLE
        assert len(begun.runs()) == 3
        assert success(begun.stores.history, "restart", "down") == (0, 0)

    def test_a_host_that_is_lost_in_the_middle_is_looked_at_first(self, begun):
        begun.finish("lost", mend=True)
        begun.until(lambda: begun.incidents[0].state.settled)
        (run,) = begun.runs()
        assert (run.state, run.verdict) == (RunState.FAILED, Verdict.RECOVERED)

    def test_a_cancelled_run_is_for_people_and_says_nothing_of_the_remediation(self, begun):
        begun.people.cancel(1, ANN)
        begun.turn()
        begun.until(lambda: begun.incidents[0].state.settled)
        assert begun.incidents[0].reason is Reason.CANCELED
        assert success(begun.stores.history, "restart", "down") == (0, 0)
        assert begun.locked() == frozenset()
