"""The time, as something handed in: aware UTC for people, monotonic seconds for measuring."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the rooms may ask about time. A test hands in one that stands still."""

    def now(self) -> datetime:
        """Return the wall clock time, aware, in UTC."""

    def monotonic(self) -> float:
        """Return seconds that never jump, for measuring how long something took."""


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Return the wall clock time, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds since an arbitrary moment."""
        return time.monotonic()
