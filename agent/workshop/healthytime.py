"""What Prometheus and the store remember of healthy time in, how far signals and alerts go in it out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from agent.background.history import HistorySource, Trouble, read_histories
from agent.config.models import ModelsSection
from agent.config.rulefiles import Signal
from agent.instance import with_host
from agent.records import Alert, Incident

SPAN = timedelta(days=7)
STEP = timedelta(minutes=5)
FEWEST_SAMPLES = 288
"""Steps, a day of them, with a healthy sample of a signal, without which nobody knows how far it goes."""
_BEFORE, _AFTER = timedelta(minutes=30), timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthyRange:
    """How far a signal went while nothing was wrong: of how many samples, of how many series."""

    low: float
    high: float
    samples: int
    series: int


def healthy_ranges(
    source: HistorySource, signals: Mapping[str, Signal], end: datetime, troubles: Iterable[Trouble]
) -> Mapping[str, HealthyRange]:
    """Return the ranges of signals in the last days, without the times of troubles where each was.

    A signal that was seen for too short a time is left out. Raises SourceError when the source is silent.
    """
    wanted = {id_: one.model_copy(update={"detect": True}) for id_, one in signals.items()}
    section = ModelsSection(history=SPAN, step=STEP)
    found: dict[str, list[np.ndarray]] = {}
    seen: dict[str, np.ndarray] = {}  # at which steps: many series at one moment are no day
    for series, values in read_histories(source, wanted, section, end, troubles=troubles).healthy():
        there = np.isfinite(values)
        if there.any():
            found.setdefault(series.signal, []).append(values[there])
            seen[series.signal] = seen.get(series.signal, False) | there
    ranges = {}
    for id_, parts in found.items():
        samples = sum(map(len, parts))
        if seen[id_].sum() >= FEWEST_SAMPLES:
            low, high = min(float(one.min()) for one in parts), max(float(one.max()) for one in parts)
            ranges[id_] = HealthyRange(low=low, high=high, samples=samples, series=len(parts))
    return ranges


def troubles_of(incidents: Iterable[Incident], now: datetime) -> list[Trouble]:
    """Return the times of incidents, and of what led to them and followed, where each was."""
    return [
        Trouble(
            entity=one.entity,
            host=one.host,
            begin=_began(one) - _BEFORE,
            end=(one.closed_at or now) + _AFTER,
        )
        for one in incidents
    ]


def fired_outside(alerts: Sequence[Alert], incidents: Sequence[Incident], now: datetime) -> int:
    """Return how many firings of an alert lie in none of these incidents, by time and host."""
    spans = [(_began(one) - _BEFORE, (one.closed_at or now) + _AFTER, _hosts(one)) for one in incidents]
    return sum(
        not any(
            one.starts_at <= end
            and (one.resolved_at or now) >= begin
            and (not hosts or with_host(one.labels).get("host", "") in {"", *hosts})
            for begin, end, hosts in spans
        )
        for one in alerts
    )


def _hosts(incident: Incident) -> set[str]:
    seen = (symptom.labels for one in incident.diagnosis.candidates for symptom in one.symptoms)
    return {incident.host, *(with_host(labels).get("host", "") for labels in seen)} - {""}


def _began(incident: Incident) -> datetime:
    seen = (symptom.since for one in incident.diagnosis.candidates for symptom in one.symptoms)
    return min(seen, default=incident.opened_at)
