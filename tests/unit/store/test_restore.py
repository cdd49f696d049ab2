"""The way back: a copy in the place of the store, paused, because it does not know what ran since."""

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from agent.errors import StoreError
from agent.records import Person
from agent.store import ask_approval, open_stores
from agent.store.backup import copy_store, schema_of
from agent.store.migrate import upgrade
from agent.store.restore import put_back
from tests.make import NOW, incident, plan

ANN = Person("ann")


def rows(file):
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("select count(*), max(n) from numbers").fetchone()


def write_numbers(file):
    with closing(sqlite3.connect(file)) as connection:  # left open by nobody, but its log remains
        connection.execute("create table numbers (n integer)")
        connection.execute("insert into numbers values (1)")
        connection.commit()


def test_put_back_it_is_as_it_was_and_what_was_there_is_kept(database, tmp_path):
    copy_store(database.file, tmp_path / "copy")
    write_numbers(database.file)
    database.close()
    kept = put_back(tmp_path / "copy", database.file, "root", NOW)
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        rows(database.file)
    assert rows(kept) == (1, 1)
    assert not [one.name for one in tmp_path.iterdir() if one.name.startswith(".")]


@pytest.mark.parametrize("content", [b"", b"garbage", b"SQLite format 3\0 and then something else"])
def test_what_is_no_store_is_refused_and_nothing_is_touched(database, tmp_path, content):
    (tmp_path / "copy").write_bytes(content)
    before = database.file.read_bytes()
    with pytest.raises(StoreError, match="no store"):
        put_back(tmp_path / "copy", database.file, "root", NOW)
    assert database.file.read_bytes() == before


@pytest.mark.parametrize("content", [b"garbage", b"SQLite format 3\0 and then something else"])
def test_a_store_that_is_damaged_is_replaced_and_kept_as_it_is(database, tmp_path, content):
    copy_store(database.file, tmp_path / "copy")
    database.close()
    database.file.write_bytes(content)
    kept = put_back(tmp_path / "copy", database.file, "root", NOW)
    assert kept.read_bytes() == content
    assert schema_of(database.file) == schema_of(tmp_path / "copy")


def test_a_restored_store_is_paused_and_nothing_in_it_is_a_right_any_more(database, tmp_path):
    stores = open_stores(database.file)
    one, other = (stores.incidents.add(incident(entity=name), "opsmend").id for name in ("web1", "web2"))
    with stores.transaction() as connection:
        until = NOW + timedelta(hours=1)
        ask_approval(connection, one, plan(), needed=1, asker="opsmend", now=NOW, expires_at=until, seen=None)
    stores.approvals.vote(one, ANN, True, "", NOW)
    stores.run_requests.add(other, "restart", ANN, NOW)
    copy_store(database.file, tmp_path / "copy")
    stores.close()
    put_back(tmp_path / "copy", database.file, "root", NOW)
    back = open_stores(database.file)
    (pause,) = back.pauses.in_force(NOW + timedelta(days=300))
    assert (pause.actor, "restored from copy" in pause.why, str(pause.scope)) == ("root", True, "")
    assert back.approvals.newest(one).state == "withdrawn"
    assert [request.state for request in back.run_requests.of_incident(other)] == ["withdrawn"]
    assert back.run_requests.open() == []
    assert back.audit.verify().broken_at is None
    back.close()


def test_a_copy_for_the_version_before_keeps_its_schema_and_is_paused_too(database, tmp_path):
    database.close()
    upgrade(tmp_path / "copy", "0007")
    put_back(tmp_path / "copy", database.file, "root", NOW)
    assert schema_of(database.file) == "0007"
    newer = open_stores(database.file)
    assert newer.pauses.in_force(NOW)
    newer.close()
