"""Written cases and those that the store proves in, what diagnosis learns from out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from agent.clock import Clock
from agent.errors import StoreError
from agent.records.cases import Outcome, PastCase

T = TypeVar("T")
_KEPT = timedelta(minutes=5)  # a repair may be a case a few minutes late; asking at every poll costs more


class Cases(Protocol):
    """What the case book asks of the store."""

    def proved(self) -> Sequence[PastCase]:
        """Return incidents whose repair was proved on metrics. Raises StoreError."""

    def outcomes(self) -> Sequence[Outcome]:
        """Return what came of the voters' words. Raises StoreError."""


class CaseBook:
    """Gives written cases, and the store's own, which count more: they were proved here."""

    def __init__(self, written: Sequence[PastCase], kept: Cases, clock: Clock) -> None:
        self._written = tuple(written)
        self._proved = _Reread(kept.proved, clock)

    def __call__(self) -> Sequence[PastCase]:
        """Return all cases. A store that cannot be read leaves those known before."""
        return (*self._proved(), *self._written)


class TrackRecord:
    """Gives what came of the voters' words so far."""

    def __init__(self, kept: Cases, clock: Clock) -> None:
        self._outcomes = _Reread(kept.outcomes, clock)

    def __call__(self) -> Sequence[Outcome]:
        """Return all outcomes. A store that cannot be read leaves those known before."""
        return self._outcomes()


class _Reread(Generic[T]):
    """Reads now and then; what was read before stands meanwhile, and where the store cannot be read."""

    def __init__(self, read: Callable[[], Sequence[T]], clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._found: Sequence[T] = ()
        self._read_at: datetime | None = None

    def __call__(self) -> Sequence[T]:
        now = self._clock.now()
        if self._read_at is None or now - self._read_at >= _KEPT:
            self._read_at = now
            with suppress(StoreError):
                self._found = self._read()
        return self._found
