"""The written case book and the store in, what diagnosis learns from out: past cases, voters' weights."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from agent.clock import Clock
from agent.errors import StoreError
from agent.records.cases import Outcome, PastCase
from agent.store import Stores

_KEPT = timedelta(minutes=5)  # a repair may be a case a few minutes late; asking at every poll costs more


class CaseBook:
    """Gives written cases, and the store's own, which count more: they were proved here."""

    def __init__(self, written: Sequence[PastCase], stores: Stores, clock: Clock) -> None:
        self._written = tuple(written)
        self._stores = stores
        self._clock = clock
        self._cases: tuple[PastCase, ...] = self._written
        self._read_at: datetime | None = None

    def __call__(self) -> Sequence[PastCase]:
        """Return all cases. A store that cannot be read leaves those known before."""
        now = self._clock.now()
        if self._read_at is None or now - self._read_at >= _KEPT:
            self._read_at = now
            try:
                self._cases = (*self._stores.cases.proved(), *self._written)
            except StoreError:
                return self._cases
        return self._cases


class TrackRecord:
    """Gives what came of the voters' words so far."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        self._stores = stores
        self._clock = clock
        self._outcomes: Sequence[Outcome] = ()
        self._read_at: datetime | None = None

    def __call__(self) -> Sequence[Outcome]:
        """Return all outcomes. A store that cannot be read leaves those known before."""
        now = self._clock.now()
        if self._read_at is None or now - self._read_at >= _KEPT:
            self._read_at = now
            try:
                self._outcomes = self._stores.cases.outcomes()
            except StoreError:
                return self._outcomes
        return self._outcomes
