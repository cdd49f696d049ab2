"""Copies of the store: whole while somebody writes, and the way back from a newer version."""

import sqlite3
import threading
from contextlib import closing

import pytest

from agent.errors import OpsmendError
from agent.store import Database
from agent.store.backup import copy_store, schema_of
from agent.store.engine import HEAD
from agent.store.migrate import upgrade


def rows(file):
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("select count(*), max(n) from numbers").fetchone()


def test_a_copy_made_while_somebody_writes_is_of_one_moment(tmp_path):
    store = tmp_path / "opsmend.db"
    database = Database(store)
    database.open()
    done = threading.Event()

    def write():
        with closing(sqlite3.connect(store, isolation_level=None)) as connection:
            for n in range(100_000):
                connection.execute("begin immediate")
                connection.executemany("insert into numbers values (?)", [(n,)] * 10)
                connection.execute("commit")
                if done.is_set():
                    return

    with closing(sqlite3.connect(store)) as connection:
        connection.execute("create table numbers (n integer)")
        connection.commit()
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            copy_store(store, tmp_path / f"copy{number}")
            count, last = rows(tmp_path / f"copy{number}")
            assert count == 0 or count == 10 * (last + 1)
    finally:
        done.set()
        writer.join()
    assert schema_of(tmp_path / "copy4") == HEAD
    assert (tmp_path / "copy4").stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob(".*"))


def test_a_copy_that_does_not_fit_leaves_nothing_behind(database, tmp_path):
    with pytest.raises(OpsmendError, match="cannot be written"):
        copy_store(database.file, tmp_path / "nowhere" / "copy")


def test_before_a_migration_the_store_is_kept_and_is_the_way_back(tmp_path):
    file = tmp_path / "opsmend.db"
    upgrade(file, "0007")
    database = Database(file)
    database.open()
    database.close()
    assert schema_of(file) == HEAD
    assert schema_of(tmp_path / "opsmend.db.schema-0007") == "0007"
