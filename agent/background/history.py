"""What a source remembers in, the histories of entities out, asked for in pieces that are never large."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np
import numpy.typing as npt

from agent.collect.base import Answer, Range
from agent.collect.frame import describe_series
from agent.config.models import ModelsSection
from agent.config.rulefiles import Signal
from agent.detect.models.grouping import LEAST_SERIES, group_series
from agent.detect.models.training import LEAST_ROWS, EntityHistory
from agent.errors import SourceError
from agent.log import Logger
from agent.records import FloatArray, IntArray, Series

log = Logger("train")

_PIECE = 300_000  # samples in one answer: some 10 MB of JSON
_MOST_STEPS = 10_000  # sources refuse more than 11,000
_MOST_SERIES = 40_000  # held at once, whatever the settings say


class HistorySource(Protocol):
    """A place that remembers samples."""

    def query(self, expression: str, at: datetime | None = None) -> Answer:
        """Evaluate an expression. Raises SourceError."""

    def query_range(self, expression: str, start: datetime, end: datetime, step: timedelta) -> Range:
        """Evaluate an expression at every step. Raises SourceError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A time that is not to be learned from, and where: an incident of an entity on a host."""

    entity: str
    host: str
    begin: datetime
    end: datetime


@dataclass(slots=True)
class _Table:
    """Series x rows of all signals, as 32-bit numbers; rows of series that were never seen are not there."""

    series: list[Series]
    values: list[npt.NDArray[np.float32]]


def read_histories(
    source: HistorySource,
    signals: Mapping[str, Signal],
    section: ModelsSection,
    end: datetime,
    on_signal: Callable[[int, int], None] = lambda done, of: None,
    troubles: Iterable[Trouble] = (),
) -> list[EntityHistory]:
    """Return the history of every entity worth a model, those with most series first.

    ``on_signal`` hears how many of how many signals are read. A signal that cannot be answered is left out.
    Raises SourceError when the source does not answer at all.
    """
    step = section.step
    count = int(section.history / step)
    start = end - step * (count - 1)
    watched = {id_: one for id_, one in signals.items() if one.detect}
    table = _Table([], [])
    for number, signal in enumerate(watched.values(), 1):
        try:
            _read(source, signal, start, step, count, table)
        except SourceError as error:
            if error.transient and not table.series:
                raise
            log.warning("signal left out of training", signal=signal.id, why=str(error))
        on_signal(number, len(watched))
        if len(table.series) >= _MOST_SERIES:
            log.warning("too many series to train on", most=_MOST_SERIES, left_out_from=signal.id)
            break
    times = np.asarray(start.timestamp() + step.total_seconds() * np.arange(count), np.float64)
    return _histories(table, watched, section, times, list(troubles))


def _read(
    source: HistorySource, signal: Signal, start: datetime, step: timedelta, count: int, table: _Table
) -> None:
    """Add one signal's series to the table. Raises SourceError."""
    series = max(len(source.query(signal.query, start + step * (count - 1)).values), 1)
    size = min(max(_PIECE // series, 10), _MOST_STEPS)
    rows: dict[frozenset[tuple[str, str]], npt.NDArray[np.float32]] = {}
    room = _MOST_SERIES - len(table.series)
    for first in range(0, count, size):
        some = min(size, count - first)
        found = source.query_range(
            signal.query, start + step * first, start + step * (first + some - 1), step
        )
        for labels, values in zip(found.labels, found.values, strict=True):
            key = frozenset(labels.items())
            if key not in rows:
                if len(rows) >= room:
                    continue
                rows[key] = np.full(count, np.nan, np.float32)
            with np.errstate(over="ignore"):
                rows[key][first : first + some] = np.array(values, np.float64)[:some]
    for key, row in rows.items():
        table.series.append(describe_series(signal, dict(key)))
        table.values.append(row)


def _histories(
    table: _Table,
    signals: Mapping[str, Signal],
    section: ModelsSection,
    times: FloatArray,
    troubles: Sequence[Trouble],
) -> list[EntityHistory]:
    groups = sorted(group_series(table.series).items(), key=lambda pair: (-len(pair[1]), pair[0]))
    histories: list[EntityHistory] = []
    for entity, numbers in groups:
        values = np.stack([table.values[number] for number in numbers], axis=1).astype(np.float64)
        kept = _liveliest(values, section.max_series)
        if len(kept) < LEAST_SERIES or len(histories) >= section.max_entities:
            continue
        chosen = [table.series[numbers[place]] for place in kept]
        values = values[:, kept]
        _leave_out(values, times, entity, chosen, troubles)
        histories.append(
            EntityHistory(
                entity=entity,
                keys=[(one.signal, one.labels) for one in chosen],
                roles=[signals[one.signal].role for one in chosen],
                values=values,
                times=times,
                step_s=section.step.total_seconds(),
            )
        )
    if len(groups) > len(histories):
        log.info("entities without a model", entities=len(groups) - len(histories), with_one=len(histories))
    return histories


def _liveliest(values: FloatArray, most: int) -> IntArray:
    """Return the columns that have enough samples, those that change most often where there are too many."""
    known = np.isfinite(values).sum(0)
    enough = np.flatnonzero(known >= LEAST_ROWS)
    if len(enough) <= most:
        return enough
    steps = np.diff(values[:, enough], axis=0)
    moves = (np.isfinite(steps) & (steps != 0)).sum(0)
    return np.sort(enough[np.argsort(-moves, kind="stable")[:most]])


def _leave_out(
    values: FloatArray,
    times: FloatArray,
    entity: str,
    series: Sequence[Series],
    troubles: Sequence[Trouble],
) -> None:
    """Take away the samples of times in which something was wrong here: a fault is not to become normal."""
    hosts = {one.labels.get("host", "") for one in series} | {entity}
    for trouble in troubles:
        if trouble.entity in (entity, *(one.entity for one in series)) or trouble.host in hosts - {""}:
            during = (times >= trouble.begin.timestamp()) & (times <= trouble.end.timestamp())
            values[during] = np.nan
