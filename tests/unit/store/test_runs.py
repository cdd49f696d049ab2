"""Runs in the store: begun whole or not at all, moved on from the phase they were found in, hosts locked."""

from dataclasses import replace

import pytest

from agent.errors import ConflictError
from agent.reasons import Reason
from agent.records import CheckResult, RunPhase, RunState, StepOutcome, TaskEvent, Verdict
from agent.store import History, IncidentStore, RunStore, begin_run, mark_relapsed, move_incident, save_run
from tests.make import NOW, incident, plan, run, success

WEB1 = "ssh web1 port 22"


@pytest.fixture
def runs(database):
    return RunStore(database)


@pytest.fixture
def history(database):
    return History(database)


@pytest.fixture
def begin(database):
    """Write an incident and the intent to run for it; returns the run."""

    def beginning(**fields):
        kept = IncidentStore(database).add(incident(), "test")
        with database.transaction() as connection:
            return begin_run(connection, run(incident_id=kept.id, plan=plan(**fields)), "test")

    return beginning


@pytest.fixture
def move(database):
    """Move a run on from the phase that it says."""

    def moving(started, phase, **fields):
        moved = replace(started, phase=phase, **fields)
        with database.transaction() as connection:
            save_run(connection, moved, started.phase, NOW, "test", "moved", {})
        return moved

    return moving


def over(move, started, verdict, **fields):
    told = {"verdict_reason": Reason.CHECKS_FAILED, "verified_at": NOW, "started_at": NOW, **fields}
    return move(started, RunPhase.OVER, verdict=verdict, **told)


def test_a_run_comes_back_with_steps_checks_and_events(runs, begin, move):
    started = begin()
    step = StepOutcome(
        name="go", playbook="p.yml", attempt=1, state=RunState.SUCCEEDED,
        reason=Reason.STEPS_SUCCEEDED, started_at=NOW, ended_at=NOW, changed=("web1",), output="ok",
    )  # fmt: skip
    runs.write_step(started.id, step)
    event = TaskEvent(at=NOW, step="go", host="web1", task="t", status="ok")
    runs.write_event(started.id, event)
    checks = (CheckResult(text="up equals 1", holds=True, before=0, after=1, since=NOW),)
    moved = move(started, RunPhase.VERIFYING, state=RunState.SUCCEEDED, checks=checks, tries=2)
    assert runs.get(started.id) == replace(moved, steps=(step,))
    assert list(runs.events(started.id)) == [event]


def test_a_host_is_locked_until_the_verdict(begin, move, history):
    first = begin()
    for phase in (RunPhase.RUNNING, RunPhase.VERIFYING, RunPhase.ROLLING_BACK):
        first = move(first, phase)
        with pytest.raises(ConflictError, match="web1 is locked by run 1"):
            begin()
    assert history.busy_hosts() == {WEB1}
    over(move, first, Verdict.WORSE)
    assert history.busy_hosts() == frozenset()
    begin()


def test_two_names_of_one_machine_are_one_lock(begin, history):
    begin(hosts=("web1",), identities={"web1": "ssh://10.0.0.1:"})
    with pytest.raises(ConflictError, match="is locked by run 1"):
        begin(hosts=("www",), identities={"www": "ssh://10.0.0.1:"})
    assert history.busy_hosts() == {"ssh://10.0.0.1:"}


def test_what_a_plan_may_touch_beside_its_targets_is_locked_too(begin):
    begin(hosts=("web1",), companions=("lb1",))
    with pytest.raises(ConflictError, match="lb1 is locked"):
        begin(hosts=("web2",), companions=("lb1",))


def test_of_two_who_move_a_run_on_from_one_phase_one_wins(begin, move, runs):
    started = begin()
    move(started, RunPhase.RUNNING)
    with pytest.raises(ConflictError, match="not intended any more"):
        move(started, RunPhase.OVER)
    assert runs.get(started.id).phase is RunPhase.RUNNING


def test_intent_lock_and_incident_are_written_together_or_not_at_all(database, runs, history):
    kept = IncidentStore(database).add(incident(), "t")
    IncidentStore(database).save(replace(kept, detail="changed"), "somebody else")

    def begin_together():
        with database.transaction() as connection:
            begin_run(connection, run(incident_id=kept.id), "t")
            move_incident(connection, kept.id, kept.state, None, "", NOW, "t", seen=kept)

    with pytest.raises(ConflictError):
        begin_together()
    assert runs.of_incident(kept.id) == []
    assert history.busy_hosts() == frozenset()


def test_unfinished_are_those_that_are_not_over(runs, begin, move):
    started = begin()
    assert runs.unfinished() == {started.id: started.incident_id}
    over(move, started, Verdict.NOT_RECOVERED)
    assert runs.unfinished() == {}


def test_a_run_can_be_asked_to_cancel_while_its_steps_are_at_work_and_not_later(runs, begin, move):
    """A cancel that comes as the run ends must not hit what undoes it."""
    started = begin()
    assert runs.ask_to_cancel(started.incident_id, "me", NOW) == started.id
    assert runs.asked_to_cancel() == {started.id: "me"}
    move(started, RunPhase.ROLLING_BACK)
    assert runs.asked_to_cancel() == {}
    assert runs.ask_to_cancel(started.incident_id, "me", NOW) is None


def test_one_that_cannot_be_read_is_abandoned_and_frees_its_host(database, runs, begin, history):
    started = begin()
    with database.transaction() as connection:
        connection.exec_driver_sql("update runs set plan = '{'")
    runs.abandon(started.id, "broken", NOW, "t")
    assert (runs.unfinished(), history.busy_hosts()) == ({}, frozenset())


class TestWhatCounts:
    @pytest.mark.parametrize(
        ("verdict", "fields", "tells"),
        [
            (Verdict.RECOVERED, {}, True),
            (Verdict.NOT_RECOVERED, {}, True),
            (Verdict.UNKNOWN, {"verdict_reason": Reason.METRICS_MISSING}, True),
            (Verdict.UNKNOWN, {"verdict_reason": Reason.HOST_UNREACHABLE}, False),
            (Verdict.UNKNOWN, {"verdict_reason": Reason.NOT_BEGUN}, False),
            (Verdict.NOT_RECOVERED, {"reason": Reason.INTERRUPTED}, False),
            (Verdict.RECOVERED, {"reason": Reason.INTERRUPTED}, True),
            (Verdict.UNKNOWN, {"reason": Reason.CANCELED, "verdict_reason": Reason.CANCELED}, False),
        ],
    )
    def test_what_was_not_done_to_its_end_says_nothing_of_the_remediation(
        self, begin, move, history, verdict, fields, tells
    ):
        over(move, begin(), verdict, **fields)
        assert [one.healed is not None for one in history.trials("restart")] == [True] * tells
        assert success(history, "restart", "down")[1] == int(tells)

    def test_what_is_under_way_is_known_with_its_machines_and_groups(self, begin, history):
        begin(identities={"web1": "ssh://web1:"}, groups=("web",))
        (trying,) = history.trials("restart")
        assert (trying.under_way, trying.healed) == (True, None)
        assert (trying.machines, trying.groups) == ({"ssh://web1:"}, {"web"})

    def test_what_never_reached_its_host_cools_nothing_down(self, begin, move, history):
        lost = {"verdict_reason": Reason.HOST_UNREACHABLE}
        over(move, begin(), Verdict.UNKNOWN, **lost)
        assert history.last_start(plan(), WEB1) is None
        assert (history.starts_since("restart", WEB1, NOW), history.touched_since(NOW)) == ([], {})
        begun = over(move, begin(), Verdict.UNKNOWN, verdict_reason=Reason.METRICS_MISSING)
        assert history.last_start(plan(), WEB1) == NOW
        assert history.last_start(plan(), WEB1, [begun.id]) is None
        assert history.touched_since(NOW) == {WEB1: NOW}

    @pytest.mark.parametrize(
        ("entity", "cools"),
        [("www:nginx", True), ("WWW.lan:nginx", True), ("web1:nginx", True), ("www:redis", False)],
    )
    def test_a_machine_cools_down_under_each_of_its_names(self, begin, history, entity, cools):
        """And one thing of it does not cool down another."""
        begin(entity="web1:nginx", identities={"web1": WEB1})
        names = ("web1", "www", "www.lan")
        asked = plan(entity=entity, hosts=("www",), identities={"www": WEB1}, names=names)
        assert (history.last_start(asked, WEB1) is not None) is cools

    def test_what_broke_again_soon_counts_against_its_record(self, database, begin, move, history):
        healed = over(move, begin(), Verdict.RECOVERED, verdict_reason=Reason.CHECKS_HELD)
        assert success(history, "restart", "down") == (1, 1)
        assert RunStore(database).last_recovery("web1", NOW).id == healed.id
        with database.transaction() as connection:
            mark_relapsed(connection, healed.id, NOW, "t")
        assert success(history, "restart", "down") == (0, 1)
        assert [one.healed for one in history.trials("restart")] == [False]
        assert RunStore(database).last_recovery("web1", NOW) is None
