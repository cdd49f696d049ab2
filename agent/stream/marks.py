"""Up to when each kind of source was read: of what came later nothing is known."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime

from agent.records import ArrivalKind


class ReadMarks:
    """Keeps the marks. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[ArrivalKind, datetime] = {}

    def put(self, kind: ArrivalKind, until: datetime) -> None:
        """Note that everything up to a time was taken in."""
        with self._lock:
            self._until[kind] = until  # also where a clock was set back

    def current(self) -> Mapping[ArrivalKind, datetime]:
        """Return the marks; a kind that was never read has none."""
        with self._lock:
            return dict(self._until)
