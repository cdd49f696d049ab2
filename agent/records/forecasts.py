"""What is expected ahead, what came of it, and how far such words may be believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class ForecastState(StrEnum):
    """What became of a forecast."""

    OPEN = "open"
    CAME = "came"  # it was used up
    AVERTED = "averted"  # the fall ended before: something was done, or it was none
    GONE = "gone"  # the series is there no more: nobody knows
    NOT_OBSERVED = "not_observed"  # nobody looked when it should have come


@dataclass(frozen=True, slots=True, kw_only=True)
class Remaining:
    """How long something lasts, from ``at`` on; eight times in ten between ``low`` and ``high``."""

    at: datetime
    left: timedelta
    low: timedelta
    high: timedelta

    def left_at(self, now: datetime) -> timedelta:
        """Return how much of ``left`` is left now; negative when it is past."""
        return self.left - (now - self.at)

    def low_at(self, now: datetime) -> timedelta:
        """Return how much of ``low`` is left now; negative when it is past."""
        return self.low - (now - self.at)


def soonest(*forecasts: Remaining | None) -> Remaining | None:
    """Return the forecast that may come true first; None where there is none at all."""
    told = [one for one in forecasts if one is not None]
    return min(told, key=lambda one: one.at + one.low, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhaustion:
    """A series that is about to be used up, with its newest sample; its fall ``began`` then."""

    signal: str
    entity: str
    labels: Mapping[str, str] = field(hash=False)
    value: float
    began: datetime
    remaining: Remaining


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """A forecast that is kept: what was ``said`` first, what is said now, and what came."""

    id: int
    signal: str
    entity: str
    labels: Mapping[str, str] = field(hash=False)
    began: datetime
    said: Remaining
    now: Remaining
    state: ForecastState = ForecastState.OPEN
    ended_at: datetime | None = None

    @property
    def took(self) -> timedelta | None:
        """Return how long it lasted since the first word, when it came."""
        if self.state is not ForecastState.CAME or self.ended_at is None:
            return None
        return self.ended_at - self.said.at


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What came of the forecasts so far.

    ``within`` of ``came`` lay in the interval that was said first. ``widen`` is what the half width of an
    interval is multiplied by so that eight in ten of them would have.
    """

    came: int = 0
    within: int = 0
    averted: int = 0
    error: float | None = None  # median of how far off, as a share of what was left
    widen: float = 1.0
