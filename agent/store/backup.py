"""A store in, one file with all of it out, while the agent works.

SQLite's online backup (https://www.sqlite.org/backup.html) copies one state of the store: writers wait for
nothing, and what they write meanwhile is in the copy or not, as a whole.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from agent.errors import OpsmendError, StoreError, StoreUnavailable
from agent.wholefile import sync

_KIND = 0xFF  # the rest of SQLite's codes says where
_OF_WHAT_IS_READ = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


def copy_store(store: Path, copy: Path) -> None:
    """Write a copy of a store, as a whole or not at all, readable by its owner only.

    Raises StoreError when the store cannot be read or is damaged, OpsmendError when the copy cannot be
    written.
    """
    part = copy.with_name(f".{copy.name}.{os.getpid()}")
    try:
        part.touch(mode=0o600)
        with _reading(store) as source, closing(sqlite3.connect(part)) as target:
            source.backup(target)
            target.execute("pragma journal_mode = delete")  # one file, with nothing beside it
        sync(part)
        part.replace(copy)
        sync(copy.parent)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & _KIND in _OF_WHAT_IS_READ:
            raise StoreError(f"{store} is no store of opsmend, or a damaged one: {error}") from error
        raise OpsmendError(f"{copy} cannot be written: {error}") from error
    except OSError as error:
        raise OpsmendError(f"{copy} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)


def schema_of(store: Path) -> str:
    """Return the schema of a store or of a copy, which is read from end to end.

    Raises StoreError when it is damaged or no store of ours.
    """
    try:
        with _reading(store) as connection:
            (said,) = connection.execute("pragma quick_check(1)").fetchone()
            if said != "ok":
                raise StoreError(f"{store} is damaged: {said}")
            (version,) = connection.execute("select version_num from alembic_version").fetchone()
    except (sqlite3.DatabaseError, TypeError) as error:
        raise StoreError(f"{store} is no store of opsmend, or a damaged one: {error}") from error
    return str(version)


@contextmanager
def _reading(store: Path) -> Iterator[sqlite3.Connection]:
    try:
        connection = sqlite3.connect(f"{store.absolute().as_uri()}?mode=ro", uri=True)
    except sqlite3.Error as error:
        raise StoreUnavailable(f"{store} cannot be read: {error}") from error
    with closing(connection):
        yield connection
