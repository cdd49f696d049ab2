"""How likely hosts are to fail ahead, what came of it, and how far such words may be believed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

LIKELIER = 3.0
"""Times the base rate, from which a host is named to people."""

LOOK_LASTS = timedelta(minutes=40)
"""What was seen at a look counts for so long; there is one every quarter of an hour."""

FailureKey = tuple[str, timedelta]
"""A host and a horizon."""


class FailureState(StrEnum):
    """What became of a word."""

    OPEN = "open"
    CAME = "came"  # a fault began within the horizon
    STAYED_AWAY = "stayed_away"
    GONE = "gone"  # the host was there no more: nobody knows
    NOT_OBSERVED = "not_observed"  # nobody looked, or too little was seen of the host


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureWord:
    """How likely a fault begins on a host within a horizon, ``base`` being how likely that is at any time.

    ``because`` are features that raise it, ``training`` is what it was said by. What one says that only runs
    ``beside`` is kept to be judged, and told to nobody.
    """

    host: str
    horizon: timedelta
    probability: float
    base: float
    training: str
    at: datetime
    because: Sequence[str] = ()
    beside: bool = False

    @property
    def key(self) -> FailureKey:
        """Return what it is about."""
        return self.host, self.horizon


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureForecast:
    """A word that is kept: what was ``said`` at first, by which it is judged, and the newest probability.

    That is the base rate while nothing is said of the host any more.
    """

    id: int
    said: FailureWord
    now: float
    state: FailureState = FailureState.OPEN
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureLook:
    """When somebody looked last, and of which hosts and horizons nothing was known then."""

    at: datetime
    unknown: frozenset[FailureKey] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRecord:
    """What came of all words within a horizon: Brier scores of what was said, and of the base rate."""

    horizon: timedelta
    judged: int
    came: int
    expected: float  # that would have come by what was said
    brier: float
    brier_base: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureComparison:
    """What came of the words of one training since it was put where it is, and how good they were.

    Where another one spoke of the same hosts at the same times, the Brier scores of both on these ``shared``.
    """

    training: str
    horizon: timedelta
    judged: int
    came: int
    brier: float
    brier_base: float
    shared: int = 0
    brier_shared: float | None = None
    brier_other: float | None = None


def hosts_of(keys: Iterable[FailureKey]) -> tuple[str, ...]:
    """Return the hosts that something is about, by name."""
    return tuple(sorted({host for host, _ in keys}))
