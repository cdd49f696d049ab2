"""One condition of a rule and a frame in, the series that meet it out, each as a symptom."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite

import numpy as np

from agent.config.conditions import (
    AlertCondition,
    Bound,
    ForecastCondition,
    SignalCondition,
    labels_fit,
)
from agent.diagnose.live.standing import Standing, beyond, standing_absent, standing_beyond
from agent.quantity import format_quantity, format_value
from agent.records import Alert, Anomaly, Arrivals, Frame, IntArray, Symptom
from agent.records.forecasts import Exhaustion, Remaining


@dataclass(frozen=True, slots=True)
class Match:
    """One series that meets a condition; ``foreseen`` says when, where it is still to come."""

    labels: Mapping[str, str]
    symptom: Symptom
    foreseen: Remaining | None = None


class SymptomFinder:
    """Evaluates conditions against one frame and the anomalies that are open with it."""

    def __init__(
        self,
        frame: Frame,
        anomalies: Sequence[Anomaly] = (),
        alerts: Sequence[Alert] = (),
        arrivals: Arrivals | None = None,
        expected: Sequence[Exhaustion] = (),
        hosts: Collection[str] | None = None,
    ) -> None:
        """``hosts`` are the only ones whose series are looked at, where they are given."""
        self.frame = frame
        self._hosts = hosts
        self._anomalies = anomalies
        self._alerts = alerts
        self._expected = expected
        self.arrivals = arrivals or Arrivals(now=frame.at)

    def find_alerts(self, condition: AlertCondition) -> list[Match]:
        """Return the alerts that fire and fit."""
        return [
            Match(alert.labels, alert_symptom(alert))
            for alert in self._alerts
            if re.fullmatch(condition.alert, alert.name) and labels_fit(alert.labels, condition.where)
        ]

    def find_forecasts(self, condition: ForecastCondition) -> list[Match]:
        """Return what is foreseen to be used up in time."""
        return [
            Match(one.labels, forecast_symptom(one, self.frame.at), one.remaining)
            for one in self._expected
            if one.signal == condition.forecast
            and one.remaining.left_at(self.frame.at) <= condition.within
            and labels_fit(one.labels, condition.where)
        ]

    def find(self, condition: SignalCondition) -> list[Match]:
        """Return what meets the condition now. A signal that was not answered meets nothing."""
        if condition.signal not in self.frame.answered:
            return []
        if condition.anomaly is not None:
            return self._find_anomalies(condition)
        candidates = self._may_meet(condition)
        if not len(candidates):
            return []
        rows, standing = self._standing(condition, candidates)
        told = self._absence if condition.absent else self._threshold
        return [
            told(condition, int(row), since)
            for row, since in zip(rows[standing.met], standing.since[standing.met], strict=True)
        ]

    def untold(self, condition: SignalCondition) -> Iterator[Mapping[str, str]]:
        """Yield the labels of the series of which nobody can tell whether they meet the condition.

        The signal was answered in whole.
        """
        if condition.anomaly is None:
            rows, standing = self._standing(condition, self._rows(condition.signal))
            yield from (self.frame.series[row].labels for row in rows[standing.untold])

    def unsampled(self, signal: str) -> Iterator[Mapping[str, str]]:
        """Yield the labels of the series that have no sample now. The signal was answered in whole."""
        rows = self._rows(signal)
        yield from (self.frame.series[row].labels for row in rows[np.isnan(self.frame.latest[rows])])

    def _may_meet(self, condition: SignalCondition) -> IntArray:
        """Return the rows that meet a condition if their past does: few, where most are well."""
        rows = self._rows(condition.signal)
        if not len(rows):
            return rows
        latest = self.frame.latest[rows]
        return rows[np.isnan(latest) if condition.absent else beyond(latest, condition)]

    def _rows(self, signal: str) -> IntArray:
        rows = self.frame.rows[signal]
        if self._hosts is None or not len(rows):
            return rows
        theirs = [self.frame.series[row].labels.get("host", "") in self._hosts for row in rows]
        near: IntArray = rows[np.array(theirs, bool)]
        return near

    def _standing(self, condition: SignalCondition, rows: IntArray) -> tuple[IntArray, Standing]:
        """Return those of the rows that a condition is about, and how they stand to it."""
        rows = self._where(rows, condition.where)
        stand = standing_absent if condition.absent else standing_beyond
        return rows, stand(self.frame, rows, condition)

    def _threshold(self, condition: SignalCondition, row: int, since: float) -> Match:
        series = self.frame.series[row]
        value = float(self.frame.latest[row])
        text = f"{condition.signal} of {format_value(series.entity)} is {format_quantity(value, series.unit)}"
        if series.unit != "boolean":
            text += f", {Bound.describe(condition, series.unit)}"
        direction = "low" if condition.below is not None else "high" if condition.above is not None else ""
        return _match(self.frame, row, "threshold", text, since, value, direction)

    def _absence(self, condition: SignalCondition, row: int, since: float) -> Match:
        entity = format_value(self.frame.series[row].entity)
        return _match(self.frame, row, "absence", f"{condition.signal} of {entity} is gone", since, None)

    def _find_anomalies(self, condition: SignalCondition) -> list[Match]:
        found = []
        for anomaly in self._anomalies:
            if anomaly.signal != condition.signal or not _is_kind(anomaly, condition.anomaly or ""):
                continue
            if condition.for_ and self.frame.at - anomaly.opened_at < condition.for_:
                continue
            if labels_fit(anomaly.labels, condition.where):
                found.append(Match(anomaly.labels, anomaly_symptom(anomaly)))
        return found

    def _where(self, rows: IntArray, where: Mapping[str, str]) -> IntArray:
        if not where or not len(rows):
            return rows
        fits = [labels_fit(self.frame.series[row].labels, where) for row in rows]
        fitting: IntArray = rows[np.array(fits, bool)]
        return fitting


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


def forecast_symptom(one: Exhaustion, now: datetime) -> Symptom:
    """Return a forecast as a symptom; its value is how many seconds are left."""
    left = max(one.remaining.left_at(now).total_seconds(), 0.0)
    low, high = (
        format_value(max((span - (now - one.remaining.at)).total_seconds(), 0.0), "duration")
        for span in (one.remaining.low, one.remaining.high)
    )
    return Symptom(
        kind="forecast",
        source=one.signal,
        entity=one.entity,
        text=f"{one.signal} of {format_value(one.entity)} is used up in {format_value(left, 'duration')}"
        f" ({low} to {high} eight times in ten)",
        since=one.began,
        labels=one.labels,
        value=left,
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
        direction=anomaly.direction,
    )


def _match(
    frame: Frame, row: int, kind: str, text: str, since: float, value: float | None, direction: str = ""
) -> Match:
    series = frame.series[row]
    symptom = Symptom(
        kind=kind,
        source=series.signal,
        entity=series.entity,
        text=text,
        since=datetime.fromtimestamp(since, UTC),
        labels=series.labels,
        value=value,
        direction=direction,
    )
    return Match(series.labels, symptom)
