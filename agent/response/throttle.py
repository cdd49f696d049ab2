"""What keeps failing, tried again ever later: growing pauses by key, forgotten as soon as it goes well."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import timedelta

from agent.clock import Clock

_PAUSES = tuple(timedelta(seconds=seconds) for seconds in (5, 15, 45, 120, 300))
MOST_TRIES = len(_PAUSES) + 1
"""After so many tries, about eight minutes, people are called instead."""


class Throttle:
    """Counts failures and says when to try again, by the monotonic clock: nobody can set it back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: dict[Hashable, int] = {}
        self._due_s: dict[Hashable, float] = {}

    def is_due(self, key: Hashable) -> bool:
        """Return whether it may be tried now."""
        return self._clock.monotonic() >= self._due_s.get(key, float("-inf"))

    def failed(self, key: Hashable) -> int:
        """Note a failure; return how many there were in a row."""
        count = self._failures[key] = self._failures.get(key, 0) + 1
        pause = _PAUSES[min(count, len(_PAUSES)) - 1]
        self._due_s[key] = self._clock.monotonic() + pause.total_seconds()
        return count

    def succeeded(self, key: Hashable) -> None:
        """Forget what failed before."""
        self._failures.pop(key, None)
        self._due_s.pop(key, None)

    def failing(self, key: Hashable) -> int:
        """Return how often it failed in a row."""
        return self._failures.get(key, 0)
