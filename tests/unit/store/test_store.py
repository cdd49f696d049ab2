"""The store on a real SQLite: nothing half written, nobody overwritten."""

import sqlite3
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy.exc import StatementError

from agent.errors import ConflictError, NotFoundError, RefusedError, StoreError, StoreUnavailable
from agent.reasons import Reason
from agent.records import CheckResult, IncidentState, RunState, StepOutcome, TaskEvent, Verdict
from agent.store import ApprovalStore, Database, History, IncidentStore, PauseStore, RunStore
from tests.make import NOW, candidate, incident, plan, run


@pytest.fixture
def incidents(database):
    return IncidentStore(database)


@pytest.fixture
def runs(database):
    return RunStore(database)


@pytest.fixture
def history(database):
    return History(database)


def begin(runs, incidents, **fields):
    """Write an incident and the intent to run for it."""
    kept = incidents.add(incident(), "test")
    return runs.begin(
        run(incident_id=kept.id, **fields), replace(kept, state=IncidentState.REMEDIATING), "test"
    )


class TestIncidents:
    def test_what_is_kept_comes_back_the_same(self, incidents):
        kept = incidents.add(incident(candidate(labels={"host": "wéb1", "x": "☃"})), "test")
        assert incidents.get(kept.id) == kept

    def test_two_writers_one_wins(self, incidents):
        kept = incidents.add(incident(), "test")
        incidents.save(replace(kept, state=IncidentState.HELD), "first")
        with pytest.raises(ConflictError):
            incidents.save(replace(kept, state=IncidentState.CLOSED), "second")
        assert incidents.get(kept.id).state is IncidentState.HELD

    def test_a_change_of_state_or_reason_is_a_transition(self, incidents):
        kept = incidents.add(incident(), "a")
        kept = incidents.save(replace(kept, detail="only detail"), "b")
        kept = incidents.save(replace(kept, state=IncidentState.HELD, reason=Reason.PAUSED), "c")
        told = [(one.state, one.reason, one.actor) for one in incidents.transitions(kept.id)]
        assert told == [(IncidentState.OPEN, None, "a"), (IncidentState.HELD, Reason.PAUSED, "c")]

    def test_active_are_those_that_take_up_findings(self, incidents):
        states = {
            state: incidents.add(incident(state=state, symptomatic=False), "t").id for state in IncidentState
        }
        closed_but_symptomatic = incidents.add(incident(state=IncidentState.CLOSED), "t").id
        active = {one.id for one in incidents.active()}
        assert closed_but_symptomatic in active
        assert {state for state, id_ in states.items() if id_ in active} == {
            state for state in IncidentState if not state.final
        }

    def test_no_such_incident(self, incidents):
        with pytest.raises(NotFoundError):
            incidents.get(99)

    def test_a_naive_time_is_refused(self, incidents):
        with pytest.raises(StatementError, match="naive"):
            incidents.add(incident(opened_at=datetime(2026, 1, 1)), "t")


class TestRuns:
    def test_a_run_comes_back_with_steps_checks_and_events(self, runs, incidents):
        started, _ = begin(runs, incidents)
        step = StepOutcome(
            name="go", playbook="p.yml", attempt=1, state=RunState.SUCCEEDED,
            reason=Reason.STEPS_SUCCEEDED, started_at=NOW, ended_at=NOW, changed=("web1",), output="ok",
        )  # fmt: skip
        runs.write_step(started.id, step)
        event = TaskEvent(at=NOW, step="go", host="web1", task="t", status="ok")
        runs.write_event(started.id, event)
        checks = (CheckResult(text="up equals 1", holds=True, before=0, after=1, since=NOW),)
        runs.start(replace(started, state=RunState.SUCCEEDED, checks=checks, verdict=Verdict.RECOVERED), "t")
        back = runs.get(started.id)
        assert (back.steps, back.checks, back.plan) == ((step,), checks, plan())
        assert list(runs.events(started.id)) == [event]

    def test_a_host_is_locked_until_the_run_has_ended(self, runs, incidents, history):
        first, moved = begin(runs, incidents)
        with pytest.raises(ConflictError, match="web1 is locked by run 1"):
            begin(runs, incidents)
        assert history.busy_hosts() == {"web1"}
        runs.end(replace(first, state=RunState.SUCCEEDED), moved, "t")
        assert history.busy_hosts() == frozenset()
        begin(runs, incidents)

    def test_a_rollback_locks_once_more(self, runs, incidents):
        first, moved = begin(runs, incidents)
        runs.end(replace(first, state=RunState.SUCCEEDED), moved, "t")
        begin(runs, incidents)
        with pytest.raises(ConflictError):
            runs.lock(first)

    def test_intent_lock_and_incident_are_written_together_or_not_at_all(self, runs, incidents, history):
        kept = incidents.add(incident(), "t")
        incidents.save(replace(kept, detail="changed"), "somebody else")
        with pytest.raises(ConflictError):
            runs.begin(run(incident_id=kept.id), kept, "t")
        assert runs.of_incident(kept.id) == []
        assert history.busy_hosts() == frozenset()

    def test_unfinished_are_those_without_verdict(self, runs, incidents):
        started, moved = begin(runs, incidents)
        assert [one.id for one in runs.unfinished()] == [started.id]
        runs.judge(replace(started, verdict=Verdict.NOT_RECOVERED), moved, "t")
        assert runs.unfinished() == []

    def test_a_run_can_be_asked_to_cancel(self, runs, incidents):
        started, _ = begin(runs, incidents)
        assert runs.ask_to_cancel(started.incident_id, "me", NOW) == started.id
        assert runs.asked_to_cancel() == {started.id: "me"}
        assert runs.ask_to_cancel(99, "me", NOW) is None


class TestApprovals:
    @pytest.fixture
    def ask(self, database, incidents):
        """Ask for a plan, and return the incident and the store."""
        approvals = ApprovalStore(database)
        kept = incidents.add(incident(), "t")

        def asking(needed=1, requested_by="opsmend", seen=None, **fields):
            people = {"needed": needed, "requested_by": requested_by}
            times = {"now": NOW, "expires_at": NOW + timedelta(hours=1)}
            approvals.request(kept.id, plan(**fields), **people, **times, seen=seen)
            return kept.id, approvals

        return asking

    def test_two_clicks_one_decision(self, ask):
        id_, approvals = ask()
        assert approvals.vote(id_, "ann", True, "", NOW).state == "approved"
        with pytest.raises(ConflictError, match="approved already by ann"):
            approvals.vote(id_, "bob", False, "", NOW)

    def test_a_yes_that_comes_while_the_agent_thinks_is_not_lost_to_a_second_question(self, ask):
        id_, approvals = ask()
        seen = approvals.newest(id_)
        approvals.vote(id_, "ann", True, "", NOW)
        with pytest.raises(ConflictError, match="answered meanwhile"):
            ask(seen=seen)
        assert approvals.newest(id_).state == "approved"

    def test_a_question_about_another_plan_takes_the_place_of_the_first(self, ask):
        id_, approvals = ask()
        ask(seen=approvals.newest(id_), remediation="other")
        assert approvals.newest(id_).plan.remediation == "other"

    def test_as_many_yes_as_are_needed_from_different_people(self, ask):
        id_, approvals = ask(needed=2)
        assert approvals.vote(id_, "ann", True, "", NOW).state == "pending"
        with pytest.raises(ConflictError, match="ann has spoken already"):
            approvals.vote(id_, "ann", True, "", NOW)
        assert approvals.vote(id_, "bob", True, "", NOW).state == "approved"

    def test_one_no_is_enough(self, ask):
        id_, approvals = ask(needed=2)
        approvals.vote(id_, "ann", True, "", NOW)
        assert approvals.vote(id_, "bob", False, "wait", NOW).state == "denied"

    def test_nobody_approves_their_own_request_but_may_take_it_back(self, ask):
        id_, approvals = ask(requested_by="ann")
        with pytest.raises(RefusedError, match="own request"):
            approvals.vote(id_, "ann", True, "", NOW)
        assert approvals.vote(id_, "ann", False, "", NOW).state == "denied"

    def test_a_request_that_expired_cannot_be_approved(self, ask):
        id_, approvals = ask()
        late = NOW + timedelta(hours=1)
        with pytest.raises(ConflictError, match="expired"):
            approvals.vote(id_, "ann", True, "", late)
        assert approvals.expire(late) == [id_]
        assert approvals.newest(id_).state == "expired"
        assert approvals.expire(late) == []

    def test_a_new_request_withdraws_the_old_one(self, ask):
        id_, approvals = ask()
        approvals.vote(id_, "ann", False, "", NOW)
        ask(seen=approvals.newest(id_), hosts=("web2",))
        newest = approvals.newest(id_)
        assert (newest.state, newest.plan.hosts, newest.votes) == ("pending", ("web2",), ())

    def test_nothing_asked_nothing_to_decide(self, database):
        with pytest.raises(NotFoundError):
            ApprovalStore(database).vote(1, "ann", True, "", NOW)


class TestPauses:
    def test_a_pause_lasts_until_it_is_ended_or_runs_out(self, database):
        pauses = PauseStore(database)
        assert pauses.current(NOW) is None
        pauses.begin("ann", "deploy", NOW, NOW + timedelta(hours=1))
        assert "paused by ann" in str(pauses.current(NOW))
        assert pauses.current(NOW + timedelta(hours=1)) is None
        pauses.begin("bob", "", NOW, None)
        assert pauses.end("ann", NOW)
        assert pauses.current(NOW) is None
        assert not pauses.end("ann", NOW)


class TestDatabase:
    def test_it_survives_being_opened_again(self, database, incidents):
        kept = incidents.add(incident(), "t")
        again = Database(database.file)
        again.open()
        assert IncidentStore(again).get(kept.id) == kept
        again.close()

    def test_commits_are_synced(self, database):
        with database.reading() as connection:
            assert connection.exec_driver_sql("pragma synchronous").scalar() == 2
            assert connection.exec_driver_sql("pragma journal_mode").scalar() == "wal"

    def test_a_newer_schema_is_refused(self, database):
        with database.transaction() as connection:
            connection.exec_driver_sql("update alembic_version set version_num = '9999'")
        with pytest.raises(StoreError, match="used by a newer one"):
            Database(database.file).open()

    def test_a_file_that_is_no_database_is_one_clear_error(self, tmp_path):
        file = tmp_path / "opsmend.db"
        file.write_bytes(b"this is not a database" * 100)
        with pytest.raises(StoreError, match="not a database"):
            Database(file).open()

    def test_a_folder_that_cannot_be_made_is_named(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(StoreUnavailable, match="cannot be made"):
            Database(tmp_path / "file" / "state" / "opsmend.db").open()

    def test_a_killed_writer_leaves_no_half_transaction(self, database, incidents):
        raw = sqlite3.connect(database.file, isolation_level=None)
        raw.execute("begin immediate")
        raw.execute("insert into pauses (since, actor, why) values ('2026-01-01', 'x', '')")
        raw.close()
        with database.reading() as connection:
            assert connection.exec_driver_sql("select count(*) from pauses").scalar() == 0
