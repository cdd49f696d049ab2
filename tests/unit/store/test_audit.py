"""The audit: every change of state has an entry, and a changed entry is found."""

import gzip
import sqlite3
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
import sqlalchemy

from agent.records import IncidentState
from agent.store import AuditStore, Database, IncidentStore, PauseStore
from agent.store.audit import append
from agent.store.auditchain import read_links, walk
from tests.make import NOW, incident


@pytest.fixture
def audit(database):
    store = AuditStore(database)
    for number in range(5):
        store.note(NOW, "ann", "did", f"thing {number}", why=f"because {number}", odd="\ud800 ☃ \n")
    return store


def tamper(database, *statements):
    """Change the table as somebody would who owns the file, triggers and all."""
    raw = sqlite3.connect(database.file, isolation_level=None)
    for deed in ("update", "delete"):
        raw.execute(f"drop trigger audit_no_{deed}")
    for statement in statements:
        raw.execute(statement)
    raw.close()


def test_an_untouched_chain_is_intact(audit):
    state = audit.verify()
    assert (state.entries, state.broken_at, state.head) == (5, None, audit.head())


@pytest.mark.parametrize(
    ("statement", "at"),
    [
        ("update audit set actor = 'bob' where id = 3", 3),
        ("update audit set detail = '{}' where id = 2", 2),
        ("update audit set at = '2020-01-01 00:00:00.000000' where id = 4", 4),
        ("delete from audit where id = 2", 2),
        ("delete from audit where id = 1", 2),
        ("update audit set hash = 'x' where id = 5", 5),
        ("update audit set previous = hash where id = 3", 3),
    ],
)
def test_a_changed_chain_is_broken_where_it_was_changed(audit, database, statement, at):
    tamper(database, statement)
    assert audit.verify().broken_at == at


def test_entries_cut_off_at_the_end_are_found_with_a_noted_head(audit, database):
    head = audit.head()
    tamper(database, "delete from audit where id >= 4")
    assert audit.verify().broken_at is None
    assert audit.verify(head).why.endswith("were cut off")


@pytest.mark.parametrize("statement", ["update audit set actor = 'x'", "delete from audit"])
def test_the_database_itself_refuses_changes(audit, database, statement):
    raw = sqlite3.connect(database.file)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute(statement)
    raw.close()


def test_what_happens_to_incidents_and_pauses_is_in_it(database):
    incidents = IncidentStore(database)
    kept = incidents.add(incident(), "opsmend")
    incidents.save(replace(kept, state=IncidentState.CLOSED), "ann")
    PauseStore(database).begin("bob", "deploy", NOW, None)
    told = [(one.actor, one.action, one.subject) for one in AuditStore(database).list()]
    assert told == [
        ("bob", "paused", "agent"),
        ("ann", "incident closed", "incident 1"),
        ("opsmend", "incident open", "incident 1"),
    ]


def test_what_was_rolled_back_left_no_entry(database):
    audit = AuditStore(database)

    def fail_halfway():
        with database.transaction() as connection:
            append(connection, NOW, "a", "b", "c")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    assert audit.verify().entries == 0


class TestSealing:
    """What is old leaves the table for a file, and both are still one chain."""

    LATER = NOW + timedelta(days=40)

    @pytest.fixture
    def sealed(self, audit, tmp_path):
        audit.note(self.LATER, "bob", "did", "thing later")
        return audit.seal(NOW + timedelta(days=1), tmp_path / "audit", self.LATER)

    def test_the_old_part_is_in_a_file_that_is_verified_by_itself(self, audit, sealed, tmp_path):
        state = walk(read_links(tmp_path / "audit" / sealed.file))
        assert (state.entries, state.broken_at, state.head) == (5, None, sealed.head)
        assert [entry.id for entry in audit.list()] == [7, 6]

    def test_what_is_left_follows_from_it(self, audit, sealed, database):
        state = audit.verify(sealed.head)
        assert (state.broken_at, state.previous, state.first_id) == (None, sealed.head, 6)
        tamper(database, "delete from audit where id = 6")
        assert audit.verify().broken_at == 6

    def test_nothing_else_may_be_deleted(self, audit, sealed, database):
        with database.transaction() as connection, pytest.raises(sqlalchemy.exc.IntegrityError):
            connection.exec_driver_sql("delete from audit")
        with database.transaction() as connection, pytest.raises(sqlalchemy.exc.IntegrityError):
            connection.exec_driver_sql("delete from audit_segments")

    def test_a_changed_file_is_found(self, sealed, tmp_path):
        file = tmp_path / "audit" / sealed.file
        lines = gzip.decompress(file.read_bytes()).replace(b'"ann"', b'"bob"', 1)
        file.write_bytes(gzip.compress(lines))
        assert walk(read_links(file)).broken_at == 1

    def test_a_crash_after_the_file_is_written_seals_the_same_again(self, audit, tmp_path, monkeypatch):
        audit.note(self.LATER, "bob", "did", "thing later")
        seal = partial(audit.seal, NOW + timedelta(days=1), tmp_path / "audit", self.LATER)
        with monkeypatch.context() as patch:
            patch.setattr(Database, "transaction", lambda self: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                seal()
        (file,) = (tmp_path / "audit").iterdir()
        before = file.read_bytes()
        assert seal().last_id == 5
        assert file.read_bytes() == before
        assert audit.verify().broken_at is None

    def test_nothing_is_sealed_while_nothing_is_old(self, audit, tmp_path):
        assert audit.seal(NOW, tmp_path, NOW) is None

    def test_all_of_it_is_exported_as_one(self, audit, sealed, tmp_path):
        state = audit.export(tmp_path / "all.jsonl.gz", tmp_path / "audit")
        assert (state.entries, state.broken_at, state.head) == (7, None, audit.head())


def lived(audit, *notes):
    """Note so many hours after the first what the agent did, or another."""
    for hours, actor, action in notes:
        audit.note(NOW + timedelta(hours=hours), actor, action, "agent" if "agent" in action else "x")


def hours_away(audit):
    hour = timedelta(hours=1)
    return [tuple(at and (at - NOW) / hour for at in one) for one in audit.absences()]


def test_the_agent_was_away_before_it_was_there_and_from_its_end_or_last_sign_to_its_next_start(database):
    audit = AuditStore(database)
    assert hours_away(audit) == [(None, None)]
    lived(
        audit,
        (1, "opsmend", "agent started"),
        (5, "opsmend", "agent stopped"),
        (7, "opsmend", "agent started"),
    )
    lived(audit, (9, "opsmend", "did"), (10, "ann", "did"), (12, "opsmend", "agent started"))
    assert hours_away(audit) == [(None, 1), (5, 7), (9, 12)]
    lived(audit, (20, "opsmend", "agent stopped"))
    assert hours_away(audit)[-1] == (20, None)


def test_what_the_sealed_part_tells_is_not_taken_for_absence(database, tmp_path):
    audit = AuditStore(database)
    lived(audit, (1, "opsmend", "agent started"), (9, "opsmend", "did"), (30, "opsmend", "did"))
    audit.seal(NOW + timedelta(hours=20), tmp_path, NOW + timedelta(hours=31))
    assert hours_away(audit) == []
