"""A copy of a store in, in the place of the store, and paused, out: a copy does not know what ran since."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, update

from agent.errors import OpsmendError
from agent.store.approvals import OPEN
from agent.store.backup import copy_store, schema_of
from agent.store.engine import Database, has_column
from agent.store.pauses import begin_pause
from agent.store.schema import approvals, run_requests
from agent.wholefile import sync

# what SQLite keeps beside a database that is in use
_BESIDE = ("-wal", "-shm")


def put_back(copy: Path, store: Path, actor: str, now: datetime) -> Path | None:
    """Put a copy in the place of the store, which nobody may have open; return where that one is kept now.

    The agent that starts on it is paused, and finds nothing approved or asked for that may have been done
    since. Its schema stays: it may be for an older version. The new file belongs to whom the old one, or
    the folder, belonged. Raises StoreError when the copy is damaged, OpsmendError when the place cannot be
    written.
    """
    schema_of(copy)
    kept = store.with_name(f"{store.name}.before-restore") if store.exists() else None
    owner = (store if kept else store.parent).stat()
    new = store.with_name(f".{store.name}.new")
    try:
        copy_store(copy, new)
        _hold_back(new, actor, now, f"restored from {copy.name}, which does not know what ran since")
        _give(new, owner)
        if kept is not None:
            _keep(store, kept)
            _give(kept, owner)
        for end in _BESIDE:  # they belong to the store of before, and would be read into the new one
            store.with_name(store.name + end).unlink(missing_ok=True)
        new.replace(store)
        sync(store.parent)
    except OSError as error:
        raise OpsmendError(f"{store} cannot be replaced: {error.strerror}") from error
    finally:
        for end in ("", *_BESIDE):
            with suppress(OSError):
                new.with_name(new.name + end).unlink(missing_ok=True)
    return kept


def _hold_back(store: Path, actor: str, now: datetime, why: str) -> None:
    """Pause a store that nobody has open, and take back what was to be done in it, in one transaction."""
    database = Database(store)
    try:
        with database.transaction() as connection:
            begin_pause(connection, actor, why, now)
            _withdraw_everything(connection, why, now)
    finally:
        database.close()


def _withdraw_everything(connection: Connection, why: str, now: datetime) -> None:
    given = approvals.c.state.in_(OPEN)
    connection.execute(update(approvals).where(given).values(state="withdrawn", decided_at=now))
    if not has_column(connection, run_requests.c.state):
        return
    asked = run_requests.c.state == "open"
    values = {"state": "withdrawn", "answer": f"the store was {why}", "answered_at": now}
    connection.execute(update(run_requests).where(asked).values(**values))


def _keep(store: Path, kept: Path) -> None:
    """Keep the store of before, one that is damaged as it is; nothing of it is left in its log then."""
    try:
        copy_store(store, kept)
        with closing(sqlite3.connect(store)) as connection:
            connection.execute("pragma wal_checkpoint(truncate)")
    except (OpsmendError, sqlite3.Error):
        for end in ("", *_BESIDE):
            with suppress(FileNotFoundError):
                shutil.copy2(store.with_name(store.name + end), kept.with_name(kept.name + end))


def _give(file: Path, owner: os.stat_result) -> None:
    if os.geteuid() == 0:
        os.chown(file, owner.st_uid, owner.st_gid)
