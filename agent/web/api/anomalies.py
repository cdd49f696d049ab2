"""Anomalies that are open now."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Request, Response

from agent.records import Anomaly
from agent.records.tokens import Scope
from agent.web.access import GuardedRoute, needs
from agent.web.answers import success
from agent.web.api.documented import Success, reading
from agent.web.parts import Agent

router = APIRouter(prefix="/api/v1", route_class=GuardedRoute, tags=["anomalies"])


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownAnomaly:
    """A deviation of one series; ``observed`` is null where samples are missing."""

    id: str
    entity: str
    signal: str
    labels: Mapping[str, str]
    kind: str
    text: str
    score: float | None
    confidence: float
    opened_at: datetime
    since: datetime
    observed: float | None
    expected_low: float | None
    expected_high: float | None
    contributors: tuple[str, ...]
    query: str
    layer: str


@router.get("/anomalies", **needs(Scope.LOOK), **reading(Success[list[ShownAnomaly]]))
def list_anomalies(
    request: Request, agent: Agent, entity: str | None = None, signal: str | None = None
) -> Response:
    """List the anomalies that are open, the surest first."""
    found = [
        _shown(one)
        for one in agent.anomalies()
        if entity in (None, one.entity) and signal in (None, one.signal)
    ]
    return success(request, sorted(found, key=lambda one: (-one.confidence, one.opened_at)))


def _shown(one: Anomaly) -> ShownAnomaly:
    return ShownAnomaly(
        id=one.id,
        entity=one.entity,
        signal=one.signal,
        labels=one.labels,
        kind=one.kind,
        text=one.text,
        score=_finite(one.score),
        confidence=one.confidence,
        opened_at=one.opened_at,
        since=one.since,
        observed=_finite(one.observed),
        expected_low=_finite(one.expected_low),
        expected_high=_finite(one.expected_high),
        contributors=one.contributors,
        query=one.query,
        layer=one.layer,
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
