"""What a source remembers in, the histories of entities out, asked for in pieces that are never large."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np
import numpy.typing as npt

from agent.collect.base import Answer, Range
from agent.collect.seriesof import combined, describe_series
from agent.config.models import ModelsSection
from agent.config.promql import is_certain_when_partial
from agent.config.rulefiles import Signal
from agent.config.valid import rounded_into
from agent.detect.models.grouping import LEAST_SERIES, group_series
from agent.detect.models.training import LEAST_ROWS, EntityHistory
from agent.errors import SourceError
from agent.log import Logger
from agent.records import FloatArray, Series

log = Logger("train")

_PIECE = 300_000  # samples in one answer: some 10 MB of JSON
_MOST_STEPS = 10_000  # sources refuse more than 11,000
_MOST_SERIES = 20_000  # held at once, whatever the settings say


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
) -> Histories:
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
    return Histories(table, _chosen(table, section), watched, times, step.total_seconds(), list(troubles))


def _read(
    source: HistorySource, signal: Signal, start: datetime, step: timedelta, count: int, table: _Table
) -> None:
    """Add one signal's series to the table. Raises SourceError."""
    for series, row in read_signal(source, signal, start, step, count, _MOST_SERIES - len(table.series)):
        table.series.append(series)
        table.values.append(row)


def read_signal(
    source: HistorySource,
    signal: Signal,
    start: datetime,
    step: timedelta,
    count: int,
    room: int = _MOST_SERIES,
    expected: int | None = None,
) -> list[tuple[Series, npt.NDArray[np.float32]]]:
    """Return the series of a signal, ``room`` at most, each with ``count`` samples. Raises SourceError.

    How many are ``expected`` decides how large a piece is asked for at once; without it the source is asked.
    """
    if expected is None:
        expected = len(source.query(signal.query, start + step * (count - 1)).values)
    size = min(max(_PIECE // max(expected, 1), 10), _MOST_STEPS)
    rows: dict[frozenset[tuple[str, str]], npt.NDArray[np.float32]] = {}
    for first in range(0, count, size):
        some = min(size, count - first)
        found = source.query_range(
            signal.query, start + step * first, start + step * (first + some - 1), step
        )
        if found.partial and not is_certain_when_partial(signal.query):
            continue  # a sum over a part of what there was is no sample
        named = combined(signal, found.labels)
        for labels, values in zip(named, found.values, strict=True):
            if labels is None:
                continue  # another series stands for it, here as in polls
            key = frozenset(labels.items())
            if key not in rows:
                if len(rows) >= room:
                    continue
                rows[key] = np.full(count, np.nan, np.float32)
            possible, impossible = rounded_into(np.array(values, np.float64)[:some], signal.bounds)
            with np.errstate(over="ignore"):
                rows[key][first : first + some] = np.where(impossible, np.nan, possible)
    return [(describe_series(signal, dict(key)), row) for key, row in rows.items()]


@dataclass(frozen=True, slots=True, eq=False)
class Histories:
    """The histories of the entities that get a model, each made when it is asked for."""

    table: _Table
    groups: Sequence[tuple[str, Sequence[int]]]
    signals: Mapping[str, Signal]
    times: FloatArray
    step_s: float
    troubles: Sequence[Trouble]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.groups)

    def __iter__(self) -> Iterator[EntityHistory]:
        """Yield them."""
        for entity, numbers in self.groups:
            series = [self.table.series[number] for number in numbers]
            values = np.stack([self.table.values[number] for number in numbers], axis=1).astype(np.float64)
            _leave_out(values, self.times, entity, series, self.troubles)
            yield EntityHistory(
                entity=entity,
                keys=[(one.signal, one.labels) for one in series],
                values=values,
                step_s=self.step_s,
            )

    def healthy(self) -> Iterator[tuple[Series, FloatArray]]:
        """Yield every series, also of entities without a model, without the samples of troubles."""
        for series, row in zip(self.table.series, self.table.values, strict=True):
            values = row.astype(np.float64)[:, None]
            _leave_out(values, self.times, series.entity, [series], self.troubles)
            yield series, values[:, 0]


def _chosen(table: _Table, section: ModelsSection) -> list[tuple[str, list[int]]]:
    """Return the entities that get a model, and the numbers of their series: those with most series first."""
    groups = sorted(group_series(table.series).items(), key=lambda pair: (-len(pair[1]), pair[0]))
    chosen: list[tuple[str, list[int]]] = []
    for entity, numbers in groups:
        kept = _liveliest([table.values[number] for number in numbers], section.max_series)
        if len(kept) >= LEAST_SERIES and len(chosen) < section.max_entities:
            chosen.append((entity, [numbers[place] for place in kept]))
    if len(groups) > len(chosen):
        log.info("entities without a model", entities=len(groups) - len(chosen), with_one=len(chosen))
    return chosen


def _liveliest(values: Sequence[npt.NDArray[np.float32]], most: int) -> list[int]:
    """Return which series have enough samples, those that change most often where there are too many."""
    enough = [place for place, row in enumerate(values) if np.isfinite(row).sum() >= LEAST_ROWS]
    if len(enough) <= most:
        return enough
    moves = {place: int((np.diff(values[place][np.isfinite(values[place])]) != 0).sum()) for place in enough}
    return sorted(sorted(enough, key=lambda place: (-moves[place], place))[:most])


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
