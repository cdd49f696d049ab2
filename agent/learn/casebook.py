"""Written cases and those that the store proves in, what diagnosis learns from out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from agent.clock import Clock
from agent.errors import StoreError
from agent.records.cases import Outcome, PastCase

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
        self._kept = kept
        self._clock = clock
        self._cases: tuple[PastCase, ...] = self._written
        self._read_at: datetime | None = None

    def __call__(self) -> Sequence[PastCase]:
        """Return all cases. A store that cannot be read leaves those known before."""
        now = self._clock.now()
        if self._read_at is None or now - self._read_at >= _KEPT:
            self._read_at = now
            try:
                self._cases = (*self._kept.proved(), *self._written)
            except StoreError:
                return self._cases
        return self._cases


class TrackRecord:
    """Gives what came of the voters' words so far."""

    def __init__(self, kept: Cases, clock: Clock) -> None:
        self._kept = kept
        self._clock = clock
        self._outcomes: Sequence[Outcome] = ()
        self._read_at: datetime | None = None

    def __call__(self) -> Sequence[Outcome]:
        """Return all outcomes. A store that cannot be read leaves those known before."""
        now = self._clock.now()
        if self._read_at is None or now - self._read_at >= _KEPT:
            self._read_at = now
            try:
                self._outcomes = self._kept.outcomes()
            except StoreError:
                return self._outcomes
        return self._outcomes
