"""How likely hosts are to fail ahead, what came of it, and how far such words may be believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

LIKELIER = 3.0
"""Times the base rate, from which a host is named to people."""


class FailureState(StrEnum):
    """What became of a word."""

    OPEN = "open"
    CAME = "came"  # a fault began within the horizon
    STAYED_AWAY = "stayed_away"
    GONE = "gone"  # the host was there no more: nobody knows


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureWord:
    """How likely a fault begins on a host within a horizon, ``base`` being how likely that is at any time.

    ``because`` are features that raise it, ``training`` is what it was said by.
    """

    host: str
    horizon: timedelta
    probability: float
    base: float
    training: str
    at: datetime
    because: Sequence[str] = ()


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
class FailureRecord:
    """What came of all words within a horizon: Brier scores of what was said, and of the base rate."""

    horizon: timedelta
    judged: int
    came: int
    expected: float  # that would have come by what was said
    brier: float
    brier_base: float
