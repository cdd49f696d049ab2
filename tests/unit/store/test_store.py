"""The store on a real SQLite: nothing half written, nobody overwritten."""

import sqlite3
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy.exc import StatementError

from agent.errors import ConflictError, NotFoundError, StoreError, StoreUnavailable
from agent.reasons import Reason
from agent.records import IncidentState
from agent.store import Database, IncidentStore, move_incident
from tests.make import NOW, candidate, incident


@pytest.fixture
def incidents(database):
    return IncidentStore(database)


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

    def test_a_state_that_is_written_takes_the_diagnosis_of_a_poll_along(self, database, incidents):
        """Who moves an incident on and who diagnoses it do not get in each other's way."""
        kept = incidents.add(incident(), "t")
        polled = incidents.save(replace(kept, title="seen anew"), "a poll")
        with database.transaction() as connection:
            state, reason = IncidentState.HELD, Reason.COOLDOWN
            moved = move_incident(connection, kept.id, state, reason, "d", NOW, "t", waits_until=NOW)
        assert (moved.title, moved.state, moved.version) == ("seen anew", state, polled.version + 1)
        assert incidents.get(kept.id) == moved

    def test_what_was_decided_about_another_diagnosis_is_not_written(self, database, incidents):
        kept = incidents.add(incident(), "t")
        incidents.save(replace(kept, title="seen anew"), "a poll")
        with pytest.raises(ConflictError), database.transaction() as connection:
            move_incident(connection, kept.id, IncidentState.HELD, None, "", NOW, "t", seen=kept)
        assert incidents.get(kept.id).state is IncidentState.OPEN

    def test_what_changes_nothing_is_no_change(self, database, incidents):
        kept = incidents.add(incident(), "t")
        with database.transaction() as connection:
            move_incident(connection, kept.id, kept.state, kept.reason, kept.detail, NOW, "t")
        assert incidents.get(kept.id) == kept

    def test_one_that_cannot_be_read_does_not_take_the_others_along(self, database, incidents):
        broken, good = incidents.add(incident(), "t"), incidents.add(incident(), "t")
        with database.transaction() as connection:
            connection.exec_driver_sql(f"update incidents set diagnosis = '{{' where id = {broken.id}")
        assert [one.id for one in IncidentStore(database).active()] == [good.id]

    def test_no_such_incident(self, incidents):
        with pytest.raises(NotFoundError):
            incidents.get(99)

    def test_a_naive_time_is_refused(self, incidents):
        with pytest.raises(StatementError, match="naive"):
            incidents.add(incident(opened_at=datetime(2026, 1, 1)), "t")


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
        raw.execute("insert into pauses (since, actor, why, scope) values ('2026-01-01', 'x', '', '{}')")
        raw.close()
        with database.reading() as connection:
            assert connection.exec_driver_sql("select count(*) from pauses").scalar() == 0
