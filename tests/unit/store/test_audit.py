"""The audit: every change of state has an entry, and a changed entry is found."""

import sqlite3
from dataclasses import replace

import pytest

from agent.records import IncidentState
from agent.store import AuditStore, IncidentStore, PauseStore
from agent.store.audit import append
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
