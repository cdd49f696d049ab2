"""A source's history in, polls as they would have been out, the oldest first.

The history is asked for in chunks, so that no answer is larger than the source allows or than we want
to hold; a signal that cannot be answered is left out, and polls begin without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol

import numpy as np

from agent.collect.base import Answer, Poll, Range
from agent.errors import SourceError
from agent.log import Logger
from agent.records import FloatArray

log = Logger("backfill")

_CHUNK_STEPS = 240  # an hour of polls every 15 s; sources allow 11,000
_SHORTEST_STEP = timedelta(seconds=1)


class HistorySource(Protocol):
    """A place that remembers samples."""

    def query_range(self, expression: str, start: datetime, end: datetime, step: timedelta) -> Range:
        """Evaluate an expression at every step. Raises SourceError."""


def read_history(
    source: HistorySource, queries: Mapping[str, str], end: datetime, span: timedelta, step: timedelta
) -> Iterator[Poll]:
    """Yield a poll for every step of the span before ``end``. Raises SourceError when it cannot begin."""
    step = max(step, _SHORTEST_STEP)
    start = end - step * (span // step)
    chunk = step * _CHUNK_STEPS
    refused: dict[str, str] = {}
    while start < end:
        stop = min(end, start + chunk)
        ranges: dict[str, Range] = {}
        for signal, query in queries.items():
            if signal in refused:
                continue
            try:
                ranges[signal] = source.query_range(query, start, stop - step, step)
            except SourceError as error:
                if error.transient and not ranges:
                    raise  # nobody there: the poll that follows says so
                refused[signal] = str(error)
        yield from _polls(ranges, start, stop, step)
        log.info("history read", until=stop, left=str(end - stop), signals=len(ranges))
        start = stop
    if refused:
        first = next(iter(refused))
        log.warning("signals without history", signals=len(refused), first=first, why=refused[first])


def _polls(ranges: Mapping[str, Range], start: datetime, stop: datetime, step: timedelta) -> Iterator[Poll]:
    arrays = {
        signal: np.array(found.values, np.float64).reshape(len(found.labels), -1)
        for signal, found in ranges.items()
    }
    for place in range((stop - start) // step):
        at = start + step * place
        answers = {
            signal: _answer(found, arrays[signal], place, at.timestamp()) for signal, found in ranges.items()
        }
        yield Poll(at.astimezone(UTC), answers)


def _answer(found: Range, values: FloatArray, place: int, at: float) -> Answer:
    if not len(values):
        return Answer(at, [], [])
    column = values[:, place]
    known = np.isfinite(column)
    if known.all():
        return Answer(at, found.labels, column.tolist())
    rows: list[int] = np.flatnonzero(known).tolist()
    return Answer(at, [found.labels[row] for row in rows], column[rows].tolist())
