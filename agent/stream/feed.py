"""A source that is read over and over, in a thread of its own, ever slower while it fails."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from agent import metrics
from agent.cleantext import describe_unforeseen
from agent.errors import OpsmendError
from agent.log import Logger

log = Logger("sources")

_FIRST_S, _LONGEST_S = 0.5, 8.0


class Feed:
    """Reads one source every ``every_s``; what fails is said when it begins, changes and ends.

    ``read`` returns how many records were new.
    """

    def __init__(
        self,
        name: str,
        read: Callable[[], int],
        every_s: float,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self.trouble: str | None = None
        self.note = ""  # what people should know of it while it is read
        self.records = 0
        self._read = read
        self._every_s = every_s
        self._close = close
        self._failures = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"collect-{name}", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self, grace_s: float = 15.0) -> None:
        """Finish the reading that is under way, if it ends in time."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(grace_s)

    def _run(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            pause_s = self.turn()
            self._stop.wait(max(0.0, pause_s - (time.monotonic() - began)))
        with suppress(Exception):  # we are going; what it holds is given up by the other side anyway
            self._close()

    def turn(self) -> float:
        """Read once; return after how many seconds it should be read again."""
        try:
            new = self._read()
        except Exception as error:
            self._failures += 1
            metrics.SOURCE_UP.labels(self.name).set(0)
            metrics.SOURCE_FAILURES.labels(self.name).inc()
            self._complain(error)
            pause_s = min(_LONGEST_S, _FIRST_S * 2.0 ** min(self._failures - 1, 10))
            # several agents must not come back in step
            return pause_s * random.uniform(0.75, 1.0)  # noqa: S311
        self._failures = 0
        self.count(new)
        metrics.SOURCE_UP.labels(self.name).set(1)
        metrics.SOURCE_READ.labels(self.name).set_to_current_time()
        if self.trouble is not None:
            log.info("source answers again", source=self.name, was=self.trouble)
            self.trouble = None
        return self._every_s

    def remark(self, note: str) -> None:
        """Say something about what is read: once, until it changes."""
        if note and note != self.note:
            log.warning("source is not read in full", source=self.name, why=note)
        self.note = note

    def count(self, new: int) -> None:
        """Count records in. A long reading may do so as it goes, and return 0 for what it counted."""
        self.records += new
        metrics.SOURCE_RECORDS.labels(self.name).inc(new)

    def _complain(self, error: Exception) -> None:
        foreseen = isinstance(error, OpsmendError)
        why = str(error) if foreseen else describe_unforeseen(error)
        if why != self.trouble:
            if foreseen:
                log.error("source cannot be read for now", source=self.name, why=why)
            else:
                log.error("unforeseen error", error, source=self.name)
        self.trouble = why
