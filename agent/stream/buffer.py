"""Records wait here between two stages: so many at most, and none too long before the next is taken in."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any


class Buffer:
    """A bounded queue. Whoever puts into a full one waits: nothing is dropped.

    It is full with ``most`` records, or when the oldest has waited for ``longest_s``.
    """

    def __init__(self, most: int, longest_s: float) -> None:
        self._most = most
        self._longest_s = longest_s
        self._records: deque[tuple[float, Any]] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def __len__(self) -> int:
        return len(self._records)

    def put(self, record: Any) -> float:
        """Add a record; return how many seconds it had to wait. Raises RuntimeError once it is closed."""
        began = time.monotonic()
        with self._changed:
            while self._full() and not self._closed:
                self._changed.wait(0.1)
            if self._closed:
                raise RuntimeError("the buffer is closed")
            now = time.monotonic()
            self._records.append((now, record))
            self._changed.notify_all()
        return now - began

    def take(self, most: int) -> list[Any]:
        """Return what waits, at most so many; wait for the first. Empty means closed and drained."""
        with self._changed:
            while not self._records and not self._closed:
                self._changed.wait()
            taken = [self._records.popleft()[1] for _ in range(min(most, len(self._records)))]
            self._changed.notify_all()
        return taken

    def close(self) -> None:
        """Take no more in; what waits can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _full(self) -> bool:
        if len(self._records) >= self._most:
            return True
        return bool(self._records) and time.monotonic() - self._records[0][0] >= self._longest_s
