"""What is expected to be used up, what became of earlier forecasts, and how far they may be believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from agent.records.forecasts import Calibration, Forecast, Remaining
from agent.records.tokens import Scope
from agent.web.access import GuardedRoute, needs
from agent.web.answers import success
from agent.web.api.documented import Success, reading
from agent.web.parts import Agent

router = APIRouter(prefix="/api/v1", route_class=GuardedRoute, tags=["forecasts"])


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRemaining:
    """How many seconds something lasts from ``at`` on; the interval holds it eight times in ten."""

    at: datetime
    left_s: float
    low_s: float
    high_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownForecast:
    """One forecast: what was ``said`` first, what is said ``now``, and how many seconds it ``took_s``."""

    id: int
    entity: str
    signal: str
    labels: Mapping[str, str]
    began: datetime
    said: ShownRemaining
    now: ShownRemaining
    state: str
    ended_at: datetime | None
    took_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownForecasts:
    """What is open, what is over, and of those that came how many came within the interval said first."""

    open: tuple[ShownForecast, ...]
    over: tuple[ShownForecast, ...]
    calibration: Calibration


@router.get("/forecasts", **needs(Scope.LOOK), **reading(Success[ShownForecasts]))
def list_forecasts(
    request: Request, agent: Agent, over: Annotated[int, Query(ge=0, le=1000)] = 20
) -> Response:
    """List what is expected, the soonest first, and what came of the newest ``over`` that are over."""
    kept = agent.stores.forecasts
    return success(
        request,
        ShownForecasts(
            open=tuple(_shown(one) for one in kept.open()),
            over=tuple(_shown(one) for one in kept.over(over)) if over else (),
            calibration=kept.calibration(),
        ),
    )


def _shown(one: Forecast) -> ShownForecast:
    return ShownForecast(
        id=one.id,
        entity=one.entity,
        signal=one.signal,
        labels=one.labels,
        began=one.began,
        said=_remaining(one.said),
        now=_remaining(one.now),
        state=one.state.value,
        ended_at=one.ended_at,
        took_s=one.took.total_seconds() if one.took is not None else None,
    )


def _remaining(one: Remaining) -> ShownRemaining:
    return ShownRemaining(
        at=one.at,
        left_s=one.left.total_seconds(),
        low_s=one.low.total_seconds(),
        high_s=one.high.total_seconds(),
    )
