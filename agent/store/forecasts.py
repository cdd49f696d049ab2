"""Forecasts: each kept from the first word on, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from statistics import median
from typing import Any

import numpy as np
from sqlalchemy import Row, insert, select, update

from agent.records.forecasts import Calibration, Exhaustion, Forecast, ForecastState, Remaining
from agent.store.documents import from_json, to_json
from agent.store.engine import Database
from agent.store.schema import forecasts

_Labels = dict[str, str]
_MOST_JUDGED = 200  # the newest that came: older ones are of another system
_FEWEST_JUDGED = 10  # before an interval is made wider or narrower for what came
_SHARE = 0.8  # of what comes that an interval shall hold
_WIDEST = 8.0


class ForecastStore:
    """Keeps what was said about the future, and says how far it may be believed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self) -> list[Forecast]:
        """Return the forecasts of which nobody knows yet what comes, the soonest first."""
        query = select(forecasts).where(forecasts.c.state == ForecastState.OPEN.value)
        with self._database.reading() as connection:
            found = [_to_forecast(row) for row in connection.execute(query)]
        return sorted(found, key=lambda one: one.now.at + one.now.left)

    def over(self, most: int = 100) -> list[Forecast]:
        """Return the forecasts of which it is known what came, the newest first."""
        query = (
            select(forecasts)
            .where(forecasts.c.state != ForecastState.OPEN.value)
            .order_by(forecasts.c.id.desc())
            .limit(most)
        )
        with self._database.reading() as connection:
            return [_to_forecast(row) for row in connection.execute(query)]

    def add(self, found: Exhaustion) -> Forecast:
        """Keep a first word."""
        remaining = to_json(Remaining, found.remaining)
        values = {
            "signal": found.signal,
            "entity": found.entity,
            "labels": to_json(_Labels, dict(found.labels)),
            "began": found.began,
            "said_at": found.remaining.at,
            "said": remaining,
            "now": remaining,
            "state": ForecastState.OPEN.value,
        }
        with self._database.transaction() as connection:
            id_ = connection.execute(insert(forecasts).values(values)).inserted_primary_key
        assert id_ is not None
        return Forecast(
            id=id_[0],
            signal=found.signal,
            entity=found.entity,
            labels=found.labels,
            began=found.began,
            said=found.remaining,
            now=found.remaining,
        )

    def renew(self, forecast: Forecast, remaining: Remaining) -> Forecast:
        """Keep what is said now beside what was said first."""
        self._change(forecast.id, now=to_json(Remaining, remaining))
        return replace(forecast, now=remaining)

    def end(self, forecast: Forecast, state: ForecastState, at: datetime) -> Forecast:
        """Keep what came."""
        self._change(forecast.id, state=state.value, ended_at=at)
        return replace(forecast, state=state, ended_at=at)

    def calibration(self) -> Calibration:
        """Return how right the newest forecasts were."""
        over = self.over(5 * _MOST_JUDGED)
        came = [one for one in over if one.took is not None][:_MOST_JUDGED]
        averted = sum(one.state is ForecastState.AVERTED for one in over)
        if not came:
            return Calibration(averted=averted)
        within = sum(one.said.low <= (one.took or timedelta(0)) <= one.said.high for one in came)
        return Calibration(
            came=len(came),
            within=within,
            averted=averted,
            error=median(_error(one) for one in came),
            widen=_widen(came) if len(came) >= _FEWEST_JUDGED else 1.0,
        )

    def _change(self, id_: int, **values: Any) -> None:
        with self._database.transaction() as connection:
            connection.execute(update(forecasts).where(forecasts.c.id == id_).values(values))


def _error(one: Forecast) -> float:
    assert one.took is not None
    return abs(one.took - one.said.left) / max(one.took, timedelta(seconds=1))


def _widen(came: Sequence[Forecast]) -> float:
    """Return how many half widths of what was said hold eight in ten of what came."""
    off = []
    for one in came:
        assert one.took is not None
        half = one.said.high - one.said.left if one.took > one.said.left else one.said.left - one.said.low
        off.append(abs(one.took - one.said.left) / max(half, timedelta(seconds=1)))
    return float(np.clip(np.quantile(off, _SHARE), 1 / _WIDEST, _WIDEST))


def _to_forecast(row: Row[Any]) -> Forecast:
    return Forecast(
        id=row.id,
        signal=row.signal,
        entity=row.entity,
        labels=from_json(_Labels, row.labels),
        began=row.began,
        said=from_json(Remaining, row.said),
        now=from_json(Remaining, row.now),
        state=ForecastState(row.state),
        ended_at=row.ended_at,
    )
