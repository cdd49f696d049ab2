"""One condition of a rule and a frame in, the series that meet it out, each as a symptom."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite

import numpy as np

from agent.config.conditions import AlertCondition, Bound, SignalCondition
from agent.placeholders import format_value
from agent.records import Alert, Anomaly, Arrivals, BoolArray, FloatArray, Frame, IntArray, Symptom

_EVIDENCE_SHARE = 0.5  # of the samples in a ``for`` window that must be there


@dataclass(frozen=True, slots=True)
class Match:
    """One series that meets a condition."""

    labels: Mapping[str, str]
    symptom: Symptom


class SymptomFinder:
    """Evaluates conditions against one frame and the anomalies that are open with it."""

    def __init__(
        self,
        frame: Frame,
        anomalies: Sequence[Anomaly] = (),
        alerts: Sequence[Alert] = (),
        arrivals: Arrivals | None = None,
    ) -> None:
        self._frame = frame
        self._anomalies = anomalies
        self._alerts = alerts
        self.arrivals = arrivals or Arrivals(now=frame.at)

    def find_alerts(self, condition: AlertCondition) -> list[Match]:
        """Return the alerts that fire and fit."""
        return [
            Match(alert.labels, alert_symptom(alert))
            for alert in self._alerts
            if re.fullmatch(condition.alert, alert.name) and _labels_fit(alert.labels, condition.where)
        ]

    def find(self, condition: SignalCondition) -> list[Match]:
        """Return what meets the condition now. A signal that was not answered meets nothing."""
        if condition.signal not in self._frame.answered:
            return []
        if condition.anomaly is not None:
            return self._find_anomalies(condition)
        if condition.absent:
            return self._find_absent(condition)
        return self._find_beyond(condition)

    def _find_beyond(self, condition: SignalCondition) -> list[Match]:
        frame = self._frame
        rows = frame.rows[condition.signal]
        rows = rows[_beyond(frame.latest[rows], condition)]
        rows = self._where(rows, condition.where)
        if not len(rows):
            return []
        since = _since(frame, rows, _beyond(frame.values[rows], condition))
        if condition.for_:
            rows, since = _lasting(frame, rows, since, condition.for_)
        if condition.was is not None and len(rows):
            kept = self._was(rows, condition)
            rows, since = rows[kept], since[kept]
        return [self._threshold(condition, int(row), at) for row, at in zip(rows, since, strict=True)]

    def _threshold(self, condition: SignalCondition, row: int, since: float) -> Match:
        series = self._frame.series[row]
        value = float(self._frame.latest[row])
        text = (
            f"{condition.signal} of {format_value(series.entity)} is {value:.4g}, {Bound.describe(condition)}"
        )
        return _match(self._frame, row, "threshold", text, since, value)

    def _find_absent(self, condition: SignalCondition) -> list[Match]:
        frame = self._frame
        rows = frame.rows[condition.signal]
        missing = np.isnan(frame.latest[rows]) & np.isfinite(frame.values[rows]).any(axis=1)
        rows = self._where(rows[missing], condition.where)
        if not len(rows):
            return []
        since = _since(frame, rows, np.isnan(frame.values[rows]))
        if condition.for_:
            rows, since = _lasting(frame, rows, since, condition.for_)
        matches = []
        for row, at in zip(rows, since, strict=True):
            entity = format_value(frame.series[row].entity)
            text = f"{condition.signal} of {entity} is gone"
            matches.append(_match(frame, int(row), "absence", text, at, None))
        return matches

    def _find_anomalies(self, condition: SignalCondition) -> list[Match]:
        found = []
        for anomaly in self._anomalies:
            if anomaly.signal != condition.signal or not _is_kind(anomaly, condition.anomaly or ""):
                continue
            if condition.for_ and self._frame.at - anomaly.opened_at < condition.for_:
                continue
            if _labels_fit(anomaly.labels, condition.where):
                found.append(Match(anomaly.labels, anomaly_symptom(anomaly)))
        return found

    def _where(self, rows: IntArray, where: Mapping[str, str]) -> IntArray:
        if not where or not len(rows):
            return rows
        fits = [_labels_fit(self._frame.series[row].labels, where) for row in rows]
        fitting: IntArray = rows[np.array(fits, bool)]
        return fitting

    def _was(self, rows: IntArray, condition: SignalCondition) -> BoolArray:
        assert condition.was is not None
        start = self._frame.times[-1] - condition.was.within.total_seconds()
        window = self._frame.values[rows][:, self._frame.times >= start]
        return np.asarray(_beyond(window, condition.was).any(axis=1), np.bool_)


def _is_kind(anomaly: Anomaly, wanted: str) -> bool:
    """Return whether an anomaly is of a kind; missing data is no strange value and must be named."""
    return anomaly.kind == wanted or (wanted == "any" and anomaly.kind != "missing_data")


def alert_symptom(alert: Alert) -> Symptom:
    """Return an alert as a symptom, in the words of its summary where it has one."""
    summary = alert.annotations.get("summary") or alert.annotations.get("description") or ""
    text = f"alert {format_value(alert.name)} fires" + (f": {format_value(summary)}" if summary else "")
    return Symptom(
        kind="alert",
        source=alert.name,
        entity=alert.labels.get("host") or alert.name,
        text=text,
        since=alert.starts_at,
        labels=alert.labels,
    )


def anomaly_symptom(anomaly: Anomaly) -> Symptom:
    """Return an anomaly as a symptom, with what would have been normal."""
    return Symptom(
        kind="anomaly",
        source=anomaly.signal,
        entity=anomaly.entity,
        text=anomaly.text,
        since=anomaly.opened_at,
        labels=anomaly.labels,
        value=anomaly.observed if isfinite(anomaly.observed) else None,
    )


def _match(frame: Frame, row: int, kind: str, text: str, since: float, value: float | None) -> Match:
    series = frame.series[row]
    symptom = Symptom(
        kind=kind,
        source=series.signal,
        entity=series.entity,
        text=text,
        since=datetime.fromtimestamp(since, UTC),
        labels=series.labels,
        value=value,
    )
    return Match(series.labels, symptom)


def _beyond(values: FloatArray, bound: Bound) -> BoolArray:
    """Compare; a gap is beyond nothing."""
    beyond: BoolArray
    if bound.below is not None:
        beyond = values < bound.below
    elif bound.above is not None:
        beyond = values > bound.above
    else:
        beyond = values == bound.equals
    return beyond


def _since(frame: Frame, rows: IntArray, meets: BoolArray) -> FloatArray:
    """Return for each row the time since when it has met the condition; gaps do not interrupt it."""
    width = meets.shape[1]
    against = ~meets & np.isfinite(frame.values[rows])
    if np.isnan(frame.latest[rows]).all():  # looking for absence: there the gaps are what counts
        against = ~meets
    last_against = np.where(against.any(axis=1), width - 1 - against[:, ::-1].argmax(axis=1), -1)
    after = np.arange(width) > last_against[:, None]
    first: IntArray = np.argmax(meets & after, axis=1)
    since: FloatArray = frame.times[first]
    return since


def _lasting(frame: Frame, rows: IntArray, since: FloatArray, span: timedelta) -> tuple[IntArray, FloatArray]:
    """Keep the rows that have met their condition for the whole span, on enough samples."""
    start = frame.times[-1] - span.total_seconds()
    step = frame.times[-1] - frame.times[-2] if len(frame.times) > 1 else 0.0
    window = frame.times >= start
    present = np.isfinite(frame.values[rows][:, window]).mean(axis=1)
    absent = np.isnan(frame.latest[rows])
    # polls never fall exactly on the start of the span: half a step of grace
    kept = (since <= start + step / 2) & ((present >= _EVIDENCE_SHARE) | absent)
    return rows[kept], since[kept]


def _labels_fit(labels: Mapping[str, str], where: Mapping[str, str]) -> bool:
    return all(re.fullmatch(pattern, labels.get(name, "")) for name, pattern in where.items())
