"""A frame and samples that somebody reports in, the frame in which they are seen out; the old one stays."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from agent.collect.seriesof import describe_series
from agent.config.rulefiles import Signal
from agent.records import FloatArray, Frame, IntArray, Series
from agent.records.reports import ReportedSymptom

_STEP_S = 15.0
_COLUMNS = 240
_MOST_ROWS = 20_000


def part_of(frame: Frame, hosts: Collection[str]) -> Frame:
    """Return a copy of a frame with the series of some hosts, and those that belong to none.

    Without hosts it is the whole frame, as far as that is bounded. Later polls do not change it.
    """
    rows = np.array(
        [
            row
            for row, one in enumerate(frame.series)
            if not hosts or one.labels.get("host", "") in hosts or not one.labels.get("host")
        ][:_MOST_ROWS],
        np.intp,
    )
    number = {int(old): new for new, old in enumerate(rows)}
    return replace(
        frame,
        times=frame.times.copy(),
        values=frame.values[rows].copy(),
        sampled=None if frame.sampled is None else frame.sampled[rows].copy(),
        series=[frame.series[row] for row in rows],
        rows={
            signal: np.array([number[int(row)] for row in old if int(row) in number], np.intp)
            for signal, old in frame.rows.items()
        },
        whole={signal: whole.copy() for signal, whole in frame.whole.items()},
    )


def with_reported(
    frame: Frame, reported: Sequence[ReportedSymptom], signals: Mapping[str, Signal], now: datetime
) -> Frame:
    """Return a frame in which reported values of signals are seen, for as long as they have been so.

    A value stands in place of our own of the same series. Of a signal without an answer of ours the report is
    taken for all that there is, or no rule could rule anything out; of one that nobody reported nothing is
    known, and rules that need it are held.
    """
    told = [one for one in reported if one.kind == "signal" and one.value is not None]
    if not told:
        return frame
    frame = _long_enough(frame, now)
    values, series = frame.values.copy(), list(frame.series)
    sampled = np.ones(values.shape, bool) if frame.sampled is None else frame.sampled.copy()
    rows: dict[str, list[int]] = {signal: old.tolist() for signal, old in frame.rows.items()}
    for one in told:
        described = describe_series(signals[one.name], one.labels)
        row = _row_of(described, series, rows.get(one.name, []))
        if row is None:
            row = len(series)
            series.append(described)
            values = np.vstack([values, np.full((1, values.shape[1]), np.nan)])
            sampled = np.vstack([sampled, np.zeros((1, sampled.shape[1]), bool)])
            rows.setdefault(one.name, []).append(row)
        seen = frame.times >= one.since.timestamp()
        seen[-1] = True
        values[row, seen], sampled[row, seen] = one.value, True
    names = frozenset(one.name for one in told)
    return replace(
        frame,
        values=values,
        sampled=sampled,
        series=series,
        rows={signal: np.array(own, np.intp) for signal, own in rows.items()},
        answered=frame.answered | names,
        failed={signal: why for signal, why in frame.failed.items() if signal not in names},
        partial={signal: why for signal, why in frame.partial.items() if signal not in names},
    )


def _long_enough(frame: Frame, now: datetime) -> Frame:
    """Return a frame with a past: before the first poll there is none to lay a report on."""
    if len(frame.times) > 1:
        return frame
    times: FloatArray = now.timestamp() - _STEP_S * np.arange(_COLUMNS - 1.0, -1.0, -1.0)
    values = np.full((len(frame.series), _COLUMNS), np.nan)
    rows: dict[str, IntArray] = dict(frame.rows)
    return replace(frame, at=now, times=times, values=values, sampled=None, rows=rows, whole={})


def _row_of(wanted: Series, series: Sequence[Series], rows: Sequence[int]) -> int | None:
    return next((row for row in rows if series[row].labels == wanted.labels), None)
