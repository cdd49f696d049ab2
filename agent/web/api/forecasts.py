"""What is expected to be used up, what became of earlier forecasts, and how far they may be believed."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from agent.background.places import open_foresight_shelf
from agent.errors import ModelError
from agent.records.failures import FailureForecast, FailureKey, hosts_of
from agent.records.forecasts import Calibration, Forecast, Remaining
from agent.records.tokens import Scope
from agent.web.access import GuardedRoute, needs
from agent.web.answers import success
from agent.web.api.documented import Success, reading
from agent.web.parts import Agent

_MOST_FAILURES = 30

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
class ShownFailure:
    """How likely a fault begins on a host: ``now``, ``said`` at first, and at any time (``base``).

    ``now`` is null where too little is seen of the host for anything to be known.
    """

    host: str
    horizon_s: float
    now: float | None
    said: float
    base: float
    at: datetime
    because: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownFailureRecord:
    """What came of words within a horizon, and whether any are said (``in_force``) and ``why``."""

    horizon_s: float
    in_force: bool
    why: str
    judged: int = 0
    came: int = 0
    expected: float = 0.0
    brier: float | None = None
    brier_base: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownForecasts:
    """What is open, what is over, and of those that came how many came within the interval said first.

    ``failures`` are where a trained foresight sees faults ahead, the likeliest first, ``failure_records`` how
    good it is. Of the hosts in ``not_known`` too few samples are there for anything to be said.
    """

    open: tuple[ShownForecast, ...]
    over: tuple[ShownForecast, ...]
    calibration: Calibration
    failures: tuple[ShownFailure, ...] = ()
    failure_records: tuple[ShownFailureRecord, ...] = ()
    not_known: tuple[str, ...] = ()


@router.get("/forecasts", **needs(Scope.LOOK), **reading(Success[ShownForecasts]))
def list_forecasts(
    request: Request, agent: Agent, over: Annotated[int, Query(ge=0, le=1000)] = 20
) -> Response:
    """List what is expected, the soonest first, and what came of the newest ``over`` that are over."""
    kept = agent.stores.forecasts
    unknown = agent.stores.failures.unknown(agent.clock.now())
    return success(
        request,
        ShownForecasts(
            open=tuple(_shown(one) for one in kept.open()),
            over=tuple(_shown(one) for one in kept.over(over)) if over else (),
            calibration=kept.calibration(),
            failures=tuple(_failure(one, unknown) for one in agent.stores.failures.open()[:_MOST_FAILURES]),
            failure_records=tuple(_failure_records(agent)),
            not_known=hosts_of(unknown),
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


def _failure(one: FailureForecast, unknown: Container[FailureKey]) -> ShownFailure:
    return ShownFailure(
        host=one.said.host,
        horizon_s=one.said.horizon.total_seconds(),
        now=one.now if one.said.key not in unknown else None,
        said=one.said.probability,
        base=one.said.base,
        at=one.said.at,
        because=one.said.because,
    )


def _failure_records(agent: Agent) -> Iterator[ShownFailureRecord]:
    try:
        training = open_foresight_shelf(agent.settings).current()
    except ModelError as error:
        yield ShownFailureRecord(horizon_s=0.0, in_force=False, why=str(error))
        return
    came = {one.horizon.total_seconds(): one for one in agent.stores.failures.records()}
    for one in training.horizons if training is not None else ():
        known = came.get(one.horizon_s)
        shown = ShownFailureRecord(horizon_s=one.horizon_s, in_force=one.worth_asking, why=one.why)
        if known is not None:
            shown = replace(
                shown,
                judged=known.judged,
                came=known.came,
                expected=known.expected,
                brier=known.brier,
                brier_base=known.brier_base,
            )
        yield shown


def _remaining(one: Remaining) -> ShownRemaining:
    return ShownRemaining(
        at=one.at,
        left_s=one.left.total_seconds(),
        low_s=one.low.total_seconds(),
        high_s=one.high.total_seconds(),
    )
