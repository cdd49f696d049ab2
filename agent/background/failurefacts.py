"""A source of metrics and the store in, what was known of hosts at some moments out, the past or now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from agent.background.history import HistorySource, read_signal
from agent.collect.seriesof import describe_series
from agent.config.rulefiles import Signal
from agent.errors import SourceError
from agent.learn.failures.features import PAST, STEP_S, Deviations, counted, deviations
from agent.learn.failures.moments import HORIZONS, Moments, Occurrence, rows_of_hosts
from agent.learn.faults.examples import HEALTHY
from agent.learn.faults.labels import label_of
from agent.log import Logger
from agent.predict.chance import chance_within
from agent.records import FloatArray, Incident, Series
from agent.records.cases import PastIncident
from agent.records.forecasts import Forecast
from agent.store import Stores

log = Logger("failures")

_UNNAMED = frozenset({"unknown", "unknown_alert"})
_AT_ONCE = 1000  # series
_SEEN_EVERY_S = 300.0  # what was seen so lately is there
_RESTART_S = 2400.0  # what breaks in so short a time is still broken, or seen, when the agent is back
_HOUR_S, _DAY_S = 3600.0, 86_400.0


def occurrences_in(stores: Stores, most: int = 20_000) -> list[Occurrence]:
    """Return the faults that were there on hosts, by the newest incidents that are over and by open ones."""
    past = stores.cases.past(most)
    over = {one.incident.id for one in past}
    found = [one.incident for one in past if _was_fault(one)]
    found += [one for one in stores.incidents.active() if one.id not in over and _is_named(one)]
    return [
        Occurrence(
            host=one.host,
            begin=one.opened_at.timestamp(),
            end=one.last_seen_at.timestamp() + _SEEN_EVERY_S,
        )
        for one in found
        if one.host
    ]


def absences_in(stores: Stores, begin: float, end: float) -> list[tuple[float, float]]:
    """Return when the agent was not there for longer than a restart takes, between two times."""
    spans = (
        (since.timestamp() if since else begin, until.timestamp() if until else end)
        for since, until in stores.audit.absences()
    )
    return [(since, until) for since, until in spans if until - since > _RESTART_S and until > begin]


def _was_fault(past: PastIncident) -> bool:
    """Return whether an incident was one of a fault: by people, proved repairs, alerts, or its name."""
    label = label_of(past)
    if label is not None:
        return label.fault != HEALTHY and not past.incident.forecast
    return not past.said and _is_named(past.incident)


def _is_named(incident: Incident) -> bool:
    best = incident.best
    return best is not None and best.fault not in _UNNAMED and not incident.forecast


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """The hosts that signals have a series of now, and how many series each signal that was answered has."""

    hosts: Sequence[str]
    series: Mapping[str, int]


def look_for_hosts(source: HistorySource, signals: Iterable[Signal]) -> Seen:
    """Return who is there now, by one question for each signal.

    Raises SourceError when nothing is answered.
    """
    hosts: set[str] = set()
    series: dict[str, int] = {}
    failed: SourceError | None = None
    for signal in signals:
        try:
            labels = source.query(signal.query).labels
        except SourceError as error:
            failed = error
            continue
        series[signal.id] = len(labels)
        hosts |= {describe_series(signal, dict(one)).labels.get("host", "") for one in labels}
    if not series and failed is not None:
        raise failed
    return Seen(sorted(hosts - {""}), series)


def from_metrics(
    source: HistorySource,
    signals: Sequence[Signal],
    moments: Moments,
    series: Mapping[str, int],
    on_signal: Callable[[int, int], None] = lambda done, of: None,
) -> dict[str, FloatArray]:
    """Return, for each signal, how far each moment's host was off its last day, NaN where nobody knows.

    ``series`` says how many a signal has about, ``on_signal`` hears how many of how many are read. A signal
    that is not answered has no columns. Raises SourceError when none is.
    """
    columns: dict[str, FloatArray] = {}
    failed: list[SourceError] = []
    begin = float(np.floor(moments.at.min() / STEP_S) * STEP_S) - PAST * STEP_S
    count = round((float(moments.at.max()) - begin) // STEP_S) + 1
    for done, signal in enumerate(signals, 1):
        try:
            found = read_signal(
                source,
                signal,
                datetime.fromtimestamp(begin, UTC),
                timedelta(seconds=STEP_S),
                count,
                expected=series.get(signal.id),
            )
        except SourceError as error:
            log.warning("signal left out", signal=signal.id, why=str(error))
            failed.append(error)
        else:
            columns |= _farthest(found, signal.bad, moments, begin).columns(signal.id)
        on_signal(done, len(signals))
    if failed and not columns:
        raise failed[-1]
    return columns


def _farthest(
    found: Sequence[tuple[Series, npt.NDArray[np.float32]]], bad: str, moments: Moments, begin: float
) -> Deviations:
    """Return the deviations of many series, some at a time: all may take a gigabyte."""
    number = {name: place for place, name in enumerate(moments.hosts)}
    own = [(number[host], row) for one, row in found if (host := one.labels.get("host", "")) in number]
    known = Deviations.unknown(len(moments))
    for first in range(0, len(own), _AT_ONCE):
        part = own[first : first + _AT_ONCE]
        values = np.stack([row for _, row in part]).astype(np.float64)
        owner = np.array([host for host, _ in part], np.intp)
        known = known.with_series(deviations(values, owner, bad, moments, begin))
    return known


def from_store(
    stores: Stores, moments: Moments, occurrences: Sequence[Occurrence]
) -> tuple[dict[str, FloatArray], Mapping[timedelta, FloatArray]]:
    """Return what alerts, incidents and forecasts showed, and what forecasts said for each horizon."""
    since = datetime.fromtimestamp(float(moments.at.min()) - 7 * _DAY_S, UTC)
    alerts = [
        (one.labels.get("host", ""), one.starts_at.timestamp()) for one in stores.alerts.begun_since(since)
    ]
    faults = [(one.host, one.begin) for one in occurrences]
    columns = {
        "alerts:6h": _counted(moments, alerts, 6 * _HOUR_S),
        "alerts:1d": _counted(moments, alerts, _DAY_S),
        "faults:1d": _counted(moments, faults, _DAY_S),
        "faults:7d": _counted(moments, faults, 7 * _DAY_S),
    }
    forecasts = [*stores.forecasts.open(), *stores.forecasts.over(10_000)]
    said = {horizon: _foreseen(moments, forecasts, horizon) for horizon in HORIZONS}
    columns["forecast:1d"] = np.nan_to_num(said[HORIZONS[-1]], nan=0.0)
    return columns, said


def _counted(moments: Moments, begun: Sequence[tuple[str, float]], within: float) -> FloatArray:
    found = np.zeros(len(moments))
    times: dict[str, list[float]] = {}
    for host, at in begun:
        times.setdefault(host, []).append(at)
    for number, rows in rows_of_hosts(moments).items():
        own = times.get(moments.hosts[number])
        if own:
            found[rows] = counted(own, moments.at[rows], within)
    return found


def _foreseen(moments: Moments, forecasts: Sequence[Forecast], horizon: timedelta) -> FloatArray:
    """Return how likely something of each moment's host is used up by then, NaN where none is told."""
    said = np.full(len(moments), np.nan)
    rows = rows_of_hosts(moments)
    number = {name: place for place, name in enumerate(moments.hosts)}
    for one in forecasts:
        mine = rows.get(number.get(one.labels.get("host", one.entity), -1))
        if mine is None:
            continue
        until = one.ended_at.timestamp() if one.ended_at is not None else np.inf
        at = moments.at[mine]
        mine = mine[(at >= one.said.at.timestamp()) & (at < until)]
        for place in mine.tolist():
            chance = _chance(one, float(moments.at[place]) + horizon.total_seconds())
            said[place] = np.fmax(said[place], chance)
    return said


def _chance(one: Forecast, by: float) -> float:
    """Return how likely a forecast comes true by a time (unix seconds)."""
    left, low, high = (span.total_seconds() for span in (one.said.left, one.said.low, one.said.high))
    return chance_within(by - one.said.at.timestamp(), left, low, high)
