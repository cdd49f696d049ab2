"""A condition and what is known now in, of whom nobody can tell whether they meet it, and why, out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from agent.config.conditions import (
    AlertCondition,
    EventCondition,
    ForecastCondition,
    Leaf,
    LogCondition,
    LogTemplateCondition,
    SignalCondition,
)
from agent.diagnose.live.symptoms import SymptomFinder
from agent.records.arrivals import ArrivalKind

# sources are read every half a minute; what they have not told by then they may have to tell
_BEHIND = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Untold:
    """Those who have these labels: nobody knows. Labels that say nothing are everybody's."""

    labels: Mapping[str, str]
    why: str


def untold(condition: Leaf, finder: SymptomFinder) -> list[Untold]:
    """Return of whom nobody can tell whether they meet the condition; of others "no" is an answer."""
    if isinstance(condition, SignalCondition):
        return list(_untold_by_signal(condition.signal, finder, finder.untold(condition)))
    if isinstance(condition, ForecastCondition):
        return list(_untold_by_signal(condition.forecast, finder, finder.unsampled(condition.forecast)))
    kind = _kind(condition)
    until = finder.arrivals.read_until.get(kind)
    if until is None:
        return [Untold({}, f"no {kind}s are read")]
    if finder.arrivals.now - until > _BEHIND:
        return [Untold({}, f"{kind}s are read up to {until:%H:%M:%S} UTC only")]
    return []


def _untold_by_signal(
    signal: str, finder: SymptomFinder, series: Iterable[Mapping[str, str]]
) -> Iterable[Untold]:
    frame = finder.frame
    if not frame.is_whole(signal):
        why = frame.failed.get(signal) or frame.partial.get(signal) or "it was not answered"
        yield Untold({}, f"{signal}: {why}")
        return
    for doubt in frame.doubts.get(signal, ()):
        yield Untold(doubt.labels, f"{signal}: {doubt.why}")
    for labels in series:
        yield Untold(labels, f"{signal}: samples are missing")


def _kind(condition: AlertCondition | LogCondition | LogTemplateCondition | EventCondition) -> ArrivalKind:
    if isinstance(condition, AlertCondition):
        return "alert"
    return "event" if isinstance(condition, EventCondition) else "log"
