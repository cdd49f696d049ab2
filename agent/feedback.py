"""What people said, as the store has it, in; what detection goes by at a poll out: read when it is news."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from agent.errors import StoreError
from agent.log import Logger
from agent.records.feedback import Feedback
from agent.store import Database
from agent.store.feedback import FeedbackStore

log = Logger("feedback")


class FeedbackReader:
    """Keeps what was read until the store changes. A store that fails is tried again at the next poll."""

    def __init__(self, database: Database, store: FeedbackStore, lasts: timedelta) -> None:
        self._database = database
        self._store = store
        self._lasts = lasts
        self._said: Sequence[Feedback] = ()
        self._stamp: int | None = None
        self._failed = ""

    def read(self, now: datetime) -> Sequence[Feedback]:
        """Return what was said of late, or what was last known of it while the store cannot be read."""
        try:
            stamp = self._database.stamp()  # first: what is said while we read is read next time
            if stamp != self._stamp:
                self._said = self._store.list(since=now - self._lasts)
                self._stamp = stamp
        except StoreError as error:
            self._stamp = None  # it may be another file by then
            if str(error) != self._failed:
                log.warning("what people said cannot be read for now", why=str(error))
            self._failed = str(error)
        else:
            self._failed = ""
        return self._said
