"""An incident in, the charts of what it is about out, as the source of metrics has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np

from agent.charts.chart import Band, Chart, Line, Mark
from agent.clock import Clock
from agent.collect.base import Range
from agent.config.promql import with_rate_interval
from agent.config.rulefiles import Rulebook, Signal
from agent.detect.seriesquery import query_of_series
from agent.errors import SourceError
from agent.records import Anomaly, Incident, Run, Symptom, Verdict

_LEAST_BEFORE, _MOST_BEFORE = timedelta(minutes=15), timedelta(minutes=45)
_AFTER = timedelta(minutes=10)  # what is over is shown so far beyond its end
_POINTS = 180
_MOST_CHARTS = 3
_MOST_LINES = 6
_KEPT_S = 15.0  # many may look at once, and a page is drawn anew at every change
_ENOUGH = 10  # samples before the incident that say what is usual
_TELLING = ("host", "instance", "unit", "name", "mountpoint", "service", "groupname")


class RangeSource(Protocol):
    """What a chart needs of the metric source."""

    def query_range(self, expression: str, start: datetime, end: datetime, step: timedelta) -> Range:
        """Evaluate an expression over a time. Raises SourceError."""


class IncidentCharts:
    """Draws what incidents are about."""

    def __init__(
        self,
        source: RangeSource,
        book: Callable[[], Rulebook],
        anomalies: Callable[[], Sequence[Anomaly]],
        clock: Clock,
    ) -> None:
        self._source = source
        self._book = book
        self._anomalies = anomalies
        self._clock = clock
        self._drawn: dict[int, tuple[float, object, list[Chart]]] = {}

    def of(self, incident: Incident, runs: Sequence[Run]) -> list[Chart]:
        """Return the charts of what an incident was diagnosed by, the most telling first."""
        now = self._clock.monotonic()
        drawn = self._drawn.get(incident.id)
        state = (incident.state, [(run.id, run.state, run.verdict) for run in runs])
        if drawn is not None and now - drawn[0] < _KEPT_S and drawn[1] == state:
            return drawn[2]
        charts = self._draw_all(incident, runs)
        self._drawn = {id_: one for id_, one in self._drawn.items() if now - one[0] < _KEPT_S}
        self._drawn[incident.id] = (now, state, charts)
        return charts

    def of_anomaly(self, anomaly: Anomaly) -> Chart:
        """Return the chart of what is unlike itself, with what was expected."""
        now = self._clock.now()
        start = anomaly.since - _MOST_BEFORE
        signal = self._book().signals.get(anomaly.signal)
        unit = signal.unit if signal is not None else ""
        marks = (Mark(anomaly.since, "found", "began"),)
        title = f"{anomaly.signal} of {anomaly.entity}"
        try:
            seen = self._source.query_range(anomaly.query, start, now, (now - start) / _POINTS)
        except SourceError as error:
            return Chart(title=title, unit=unit, query=anomaly.query, marks=marks, missing=str(error))
        bounds = (anomaly.expected_low, anomaly.expected_high)
        return Chart(
            title=title,
            unit=unit,
            query=anomaly.query,
            times=seen.times,
            lines=_lines(seen),
            band=Band(*bounds, "expected") if np.isfinite(bounds).all() and unit != "boolean" else None,
            marks=marks,
        )

    def _draw_all(self, incident: Incident, runs: Sequence[Run]) -> list[Chart]:
        start, end = self._span(incident)
        marks = tuple(_marks(incident, runs))
        charts = []
        for symptom in _distinct(incident):
            signal = self._book().signals.get(symptom.source)
            if signal is not None:
                charts.append(self._draw(signal, symptom, incident, start, end, marks))
            if len(charts) == _MOST_CHARTS:
                break
        return charts

    def _span(self, incident: Incident) -> tuple[datetime, datetime]:
        now = self._clock.now()
        end = min(incident.closed_at + _AFTER, now) if incident.closed_at else now
        lasted = (incident.closed_at or now) - incident.opened_at
        return incident.opened_at - max(_LEAST_BEFORE, min(3 * lasted, _MOST_BEFORE)), end

    def _draw(
        self,
        signal: Signal,
        symptom: Symptom,
        incident: Incident,
        start: datetime,
        end: datetime,
        marks: Sequence[Mark],
    ) -> Chart:
        query = query_of_series(with_rate_interval(signal.query), symptom.labels)
        title = f"{signal.summary.rstrip('.')}: {symptom.entity}"
        try:
            seen = self._source.query_range(query, start, end, (end - start) / _POINTS)
        except SourceError as error:
            return Chart(title=title, unit=signal.unit, query=query, marks=marks, missing=str(error))
        lines = _lines(seen)
        return Chart(
            title=title,
            unit=signal.unit,
            query=query,
            times=seen.times,
            lines=lines,
            band=self._expected(symptom, signal) or _as_before(seen, lines, incident.opened_at, signal.unit),
            marks=marks,
            missing="" if lines else "the source has no samples of this time",
        )

    def _expected(self, symptom: Symptom, signal: Signal) -> Band | None:
        if signal.unit == "boolean":
            return None
        for one in self._anomalies():
            if one.signal == symptom.source and one.labels == symptom.labels and one.layer == "series":
                bounds = (one.expected_low, one.expected_high)
                if np.isfinite(bounds).all():
                    return Band(*bounds, "expected")
        return None


def _distinct(incident: Incident) -> Iterator[Symptom]:
    """Yield one symptom of each series of the best diagnosis."""
    seen = set()
    for symptom in incident.best.symptoms if incident.best else ():
        key = (symptom.source, frozenset(symptom.labels.items()))
        if key not in seen:
            seen.add(key)
            yield symptom


def _marks(incident: Incident, runs: Sequence[Run]) -> Iterator[Mark]:
    yield Mark(incident.opened_at, "found", "found")
    for run in runs:
        if run.started_at is not None:
            yield Mark(run.started_at, "started", f"{run.plan.remediation} began")
        if run.ended_at is not None:
            yield Mark(run.ended_at, "ended", f"{run.plan.remediation} ended")
        if run.verdict is Verdict.RECOVERED and run.verified_at is not None:
            yield Mark(run.verified_at, "recovered", "recovery proved")
    recovered = any(run.verdict is Verdict.RECOVERED for run in runs)
    if incident.closed_at is not None and not recovered:
        yield Mark(incident.closed_at, "over", "over")


def _lines(seen: Range) -> list[Line]:
    """Return the series that moved most, named by what tells them apart."""

    def reach(values: Sequence[float | None]) -> float:
        known = [value for value in values if value is not None]
        return max(known) - min(known) if known else -1.0

    order = sorted(range(len(seen.labels)), key=lambda row: -reach(seen.values[row]))[:_MOST_LINES]
    return [
        Line(
            " ".join(seen.labels[row][name] for name in _TELLING if name in seen.labels[row]),
            seen.values[row],
        )
        for row in order
    ]


def _as_before(seen: Range, lines: Sequence[Line], opened_at: datetime, unit: str) -> Band | None:
    """Return how one line was before the incident, but for its strangest tenth."""
    if len(lines) != 1 or unit == "boolean":
        return None
    until = opened_at.timestamp()
    before = [
        value
        for at, value in zip(seen.times, lines[0].values, strict=True)
        if value is not None and at < until
    ]
    if len(before) < _ENOUGH:
        return None
    low, high = np.percentile(before, (5, 95))
    return Band(float(low), float(high), "as it was before")
