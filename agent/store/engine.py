"""The database: opened durable, brought to the newest schema, its failures named."""

from __future__ import annotations

import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError, OperationalError

from agent.environment import clean_environment, own_python
from agent.errors import OpsmendError, StoreError, StoreUnavailable
from agent.store.backup import copy_store

HEAD = "0020"  # the newest migration; a test compares it with the folder
_BUSY_TIMEOUT_S = 10


class Database:
    """One database. Safe to use from several threads and processes."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._engine: Engine = create_engine(
            f"sqlite:///{file}", connect_args={"timeout": _BUSY_TIMEOUT_S}, pool_size=8, max_overflow=8
        )
        event.listen(self._engine, "connect", prepare_connection)
        event.listen(self._engine, "begin", _begin)
        self._reader = self._engine.execution_options(reading=True)
        self._watch: sqlite3.Connection | None = None
        self._watching = threading.Lock()

    def open(self, upgrade: bool = True) -> None:
        """Create the file where it is missing and bring it to the newest schema.

        Without ``upgrade`` an older one is refused: only who is alone on the store, the agent that starts,
        may change its tables. Raises StoreUnavailable when it cannot be written, StoreError when a newer
        opsmend made it.
        """
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise StoreUnavailable(f"{self.file.parent} cannot be made: {error.strerror}") from error
        version = self._version()
        if version == HEAD:
            return
        if version is not None and version > HEAD:
            raise StoreError(
                f"{self.file} has schema {version}, this opsmend knows {HEAD}: it was used by a newer one. "
                f"Install that one again, or restore a copy of before: opsmend restore {self._kept(HEAD)}"
            )
        if not upgrade:
            raise StoreError(
                f"{self.file} has schema {version}, this opsmend wants {HEAD}: restart the agent"
            )
        if version is not None:
            self._keep(version)
        self._upgrade()

    def _keep(self, version: str) -> None:
        """Keep the store as it is, the way back to the version that made it; an earlier one is let go."""
        kept = self._kept(version)
        try:
            copy_store(self.file, kept)
        except OpsmendError as error:
            raise StoreUnavailable(f"before {self.file} is brought to schema {HEAD}: {error}") from error
        for old in self.file.parent.glob(self._kept("*").name):
            if old != kept:
                old.unlink(missing_ok=True)

    def _kept(self, version: str) -> Path:
        return self.file.with_name(f"{self.file.name}.schema-{version}")

    def _upgrade(self) -> None:
        # in a process of its own: alembic would stay in the memory of the resting agent
        command = own_python("agent.store.migrate", str(self.file))
        done = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            said = done.stderr.strip().splitlines() or ["no reason given"]
            raise StoreUnavailable(f"{self.file} cannot be brought to schema {HEAD}: {said[-1]}")

    def transaction(self) -> AbstractContextManager[Connection]:
        """Yield a connection whose changes are all kept, durably, or none.

        Raises StoreUnavailable when the disk is full, the file is gone or locked for too long.
        """
        return self._begin(self._engine)

    def reading(self) -> AbstractContextManager[Connection]:
        """Yield a connection that only reads, on one snapshot, without waiting for writers."""
        return self._begin(self._reader)

    @contextmanager
    def _begin(self, engine: Engine) -> Iterator[Connection]:
        try:
            with engine.begin() as connection:
                yield connection
        except OperationalError as error:
            raise StoreUnavailable(f"{self.file}: {error.orig}") from error
        except DBAPIError as error:
            if isinstance(error.orig, sqlite3.IntegrityError):
                raise
            raise StoreError(f"{self.file}: {error.orig}") from error

    def stamp(self) -> int:
        """Return a number that is another one whenever anybody, in any process, has committed a change.

        It costs a few microseconds, so that what is made of the store can be kept until it changes.
        """
        try:
            with self._watching:
                if self._watch is None:
                    self._watch = sqlite3.connect(self.file, check_same_thread=False)
                # only what other connections committed counts, so this one must never write
                (stamp,) = self._watch.execute("pragma data_version").fetchone()
                return int(stamp)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"{self.file}: {error}") from error

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()
        with self._watching:
            if self._watch is not None:
                self._watch.close()
                self._watch = None

    def _version(self) -> str | None:
        with self.reading() as connection:
            known = connection.execute(
                text("select name from sqlite_master where name = 'alembic_version'")
            ).scalar()
            if known is None:
                return None
            version: str | None = connection.execute(text("select version_num from alembic_version")).scalar()
            return version


def has_column(connection: Connection, column: Column[Any]) -> bool:
    """Return whether a store, which may be of an older version, has a column."""
    table = inspect(connection)
    name = column.table.name
    return table.has_table(name) and column.name in {one["name"] for one in table.get_columns(name)}


def prepare_connection(connection: Any, record: Any) -> None:
    """Make a new SQLite connection durable, and safe beside other writers."""
    connection.isolation_level = None  # the listener below begins transactions, not the driver
    cursor = connection.cursor()
    # WAL lets the command read while the agent writes. FULL syncs at every commit: what was
    # acknowledged must survive a power cut.
    cursor.execute("pragma journal_mode = wal")
    cursor.execute("pragma synchronous = full")
    cursor.execute("pragma foreign_keys = on")
    cursor.close()


def _begin(connection: Connection) -> None:
    # a transaction that reads first and writes later would fail at once when another one wrote between
    reading = connection.get_execution_options().get("reading")
    connection.exec_driver_sql("begin" if reading else "begin immediate")
