"""What the agent needs in, what it has been without for too long out: shown, counted, and told to people."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

from agent import metrics
from agent.clock import Clock
from agent.log import Logger
from agent.notify.own_trouble import OwnTrouble, OwnTroubleMessages

log = Logger("service")

_TELL_AGAIN = timedelta(minutes=1)  # where nobody could be reached
_LEAST_FREE = 50 * 2**20  # bytes; the store needs room for what is under way

Needs = Callable[[], Mapping[str, str]]
"""Says of each thing that the agent needs why it is wanting, or nothing."""


class SelfWatch:
    """Looks at what the agent needs; what is wanting for longer than ``after`` is told once, and its end."""

    def __init__(
        self, needs: Needs, messages: OwnTroubleMessages, after: Callable[[], timedelta], clock: Clock
    ) -> None:
        self._needs = needs
        self._messages = messages
        self._after = after
        self._clock = clock
        self._since: dict[str, datetime] = {}
        self._told: dict[str, OwnTrouble] = {}
        self._telling: dict[str, tuple[OwnTrouble, Future[bool]]] = {}
        self._not_before: dict[str, datetime] = {}
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="own-trouble")
        self.lasting: dict[str, OwnTrouble] = {}

    def look(self) -> None:
        """Look once, and tell what is to be told; nothing here waits for a message to be taken."""
        now = self._clock.now()
        wanting = {what: why for what, why in self._needs().items() if why}
        self._since = {what: self._since.get(what, now) for what in wanting}
        self.lasting = {
            what: OwnTrouble(what=what, why=why, since=self._since[what])
            for what, why in wanting.items()
            if now - self._since[what] >= self._after()
        }
        for what in {*self.lasting, *self._told}:
            metrics.OWN_TROUBLE.labels(what).set(what in self.lasting)
        self._take_answers(now)
        for what, trouble in self.lasting.items():
            if what not in self._told:
                self._tell(trouble, now)
        for what in self._told.keys() - wanting.keys():
            self._tell(OwnTrouble(what=what, why="It works again.", since=now, over=True), now)

    def stop(self) -> None:
        """Tell nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _tell(self, trouble: OwnTrouble, now: datetime) -> None:
        what = trouble.what
        if what in self._telling or now < self._not_before.get(what, now):
            return
        if not trouble.over:
            log.error("in trouble for long", what=what, why=trouble.why, since=trouble.since)
        self._not_before[what] = now + _TELL_AGAIN
        self._telling[what] = trouble, self._pool.submit(self._messages.tell, trouble, now)

    def _take_answers(self, now: datetime) -> None:
        """Note whom messages have reached since the last look."""
        done = {what: told for what, told in self._telling.items() if told[1].done()}
        for what, (trouble, future) in done.items():
            del self._telling[what]
            reached = future.exception() is None and future.result()
            if not reached and self._messages.possible:
                continue  # it is tried again
            self._not_before.pop(what, None)
            if trouble.over:
                self._told.pop(what, None)
            else:
                self._told[what] = trouble


def room_for_store(folder: Path) -> str:
    """Return why the store may soon not be written, or nothing."""
    try:
        found = os.statvfs(folder)
    except OSError as error:
        return f"{folder} cannot be looked at: {error.strerror}"
    free = found.f_bavail * found.f_frsize
    return f"{free / 2**20:.0f} MiB are left for the store in {folder}" if free < _LEAST_FREE else ""
