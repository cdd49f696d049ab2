"""A source's history in, polls as they would have been out, the oldest first.

First the last days at long steps, for what is usual at which time of day; then the last hour or so as it
would have been polled. The history is asked for in chunks, so that no answer is larger than the source
allows or than we want to hold; a signal that cannot be answered is left out, and polls begin without it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import numpy as np

from agent.collect.base import Answer, Poll, Range
from agent.collect.scrapes import NEWEST, scraped
from agent.errors import SourceUnreachable
from agent.log import Logger
from agent.records import FloatArray

log = Logger("backfill")

_MOST_STEPS = 240  # in one answer: an hour of polls every 15 s; sources allow 11,000
_FEWEST_STEPS = 12
_MOST_SAMPLES = 200_000  # in one answer: 30 MB while it is read
_SHORTEST_STEP = timedelta(seconds=1)
_LONG_STEPS = tuple(timedelta(minutes=minutes) for minutes in (5, 10, 15, 30))
_MOST_LONG_SAMPLES = 10_000_000  # of the days before: some ten seconds of work
_MOST_SECONDS = 40.0  # for the days before, whatever the source: the agent is blind meanwhile

_SCRAPED = "scraped "  # no signal can be called so

Key = frozenset[tuple[str, str]]


class HistorySource(Protocol):
    """A place that remembers samples."""

    def poll(self, queries: Mapping[str, str]) -> Poll:
        """Evaluate all queries now."""

    def ranges(
        self, queries: Mapping[str, str], start: datetime, end: datetime, step: timedelta
    ) -> tuple[Mapping[str, Range], Mapping[str, str]]:
        """Evaluate all queries at every step; also say why a signal has no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How much history: ``span`` before now every ``step``, and before it what makes up ``seasons``."""

    span: timedelta
    step: timedelta
    seasons: timedelta = timedelta(0)


class History:
    """The past of one source, as it is known from now on. Asks the source at once.

    Raises SourceUnreachable when nobody is there. ``on_progress`` is told after each chunk how far it
    reaches and how much is left.
    """

    def __init__(
        self,
        source: HistorySource,
        queries: Mapping[str, str],
        wanted: Wanted,
        on_progress: Callable[[datetime, timedelta], None] = lambda reached, left: None,
    ) -> None:
        now = source.poll(queries)
        if queries and not now.answers:
            raise SourceUnreachable(next(iter(now.failed.values())))
        self._source = source
        self._queries = queries
        self._wanted = wanted
        self._on_progress = on_progress
        self._now = now
        self._sizes = [len(answer.values) for answer in now.answers.values()]
        self._step = max(wanted.step, _SHORTEST_STEP)
        self._begin = now.at - self._step * (wanted.span // self._step)
        self._refused: dict[str, str] = {}

    def days(self) -> Iterator[Poll]:
        """Yield the days before, at long steps; when that takes too long, not all of it."""
        span = self._wanted.seasons - self._wanted.span
        if span <= timedelta(0) or not self._queries:
            return
        # series that are gone would take the room of those that are there
        present = {
            signal: {frozenset(labels.items()) for labels in answer.labels}
            for signal, answer in self._now.answers.items()
        }
        step = _long_step(sum(self._sizes), span)
        deadline = time.monotonic() + _MOST_SECONDS
        for start, stop, ranges in self._chunks(self._begin - step * (span // step), self._begin, step):
            left = {
                signal: found if signal == _SCRAPED else _only(found, present.get(signal, set()))
                for signal, found in ranges.items()
            }
            if any(
                found.labels for signal, found in left.items() if signal != _SCRAPED
            ):  # a source that is new itself has no days
                yield from _polls(left, start, stop, step)
            if time.monotonic() > deadline and stop < self._begin:
                log.warning(
                    "history comes slowly, some is left out", until=stop, left=str(self._begin - stop)
                )
                return

    def recent(self) -> Iterator[Poll]:
        """Yield the time until now, as it would have been polled."""
        for start, stop, ranges in self._chunks(self._begin, self._now.at, self._step):
            yield from _polls(ranges, start, stop, self._step)
        if self._refused:
            signal, why = next(iter(self._refused.items()))
            log.warning("signals without history", signals=len(self._refused), first=signal, why=why)

    def _chunks(
        self, start: datetime, end: datetime, step: timedelta
    ) -> Iterator[tuple[datetime, datetime, Mapping[str, Range]]]:
        steps = min(max(_MOST_SAMPLES // max([*self._sizes, 1]), _FEWEST_STEPS), _MOST_STEPS)
        while start < end and self._queries:
            stop = min(end, start + step * steps)
            wanted = {id_: query for id_, query in self._queries.items() if id_ not in self._refused}
            # when targets were scraped is told with the rest: a step may see an older sample once more
            found, failed = self._source.ranges({**wanted, _SCRAPED: NEWEST}, start, stop - step, step)
            read = len(found.keys() - {_SCRAPED})
            if failed and not read:
                raise SourceUnreachable(next(iter(failed.values())))
            self._refused.update({id_: why for id_, why in failed.items() if id_ != _SCRAPED})
            yield start, stop, found
            log.info("history read", until=stop, left=str(end - stop), step=str(step), signals=read)
            self._on_progress(stop, end - stop)
            start = stop


def _long_step(series: int, span: timedelta) -> timedelta:
    fitting = (step for step in _LONG_STEPS if series * (span / step) <= _MOST_LONG_SAMPLES)
    return next(fitting, _LONG_STEPS[-1])


def _only(found: Range, present: set[Key]) -> Range:
    rows = [row for row, labels in enumerate(found.labels) if frozenset(labels.items()) in present]
    return replace(
        found, labels=[found.labels[row] for row in rows], values=[found.values[row] for row in rows]
    )


def _polls(ranges: Mapping[str, Range], start: datetime, stop: datetime, step: timedelta) -> Iterator[Poll]:
    arrays = {
        signal: np.array(found.values, np.float64) if found.labels else np.empty((0, 0))
        for signal, found in ranges.items()
    }
    for place in range(-((start - stop) // step)):
        at = start + step * place
        answers = {
            signal: _answer(found, arrays[signal], place, at.timestamp()) for signal, found in ranges.items()
        }
        times = scraped(answers.pop(_SCRAPED)) if _SCRAPED in answers else {}
        yield Poll(at.astimezone(UTC), answers, {}, times)


def _answer(found: Range, values: FloatArray, place: int, at: float) -> Answer:
    if not len(values):
        return Answer(at, [], [], found.partial)
    column = values[:, place]
    known = np.isfinite(column)
    if known.all():
        return Answer(at, found.labels, column.tolist(), found.partial)
    rows: list[int] = np.flatnonzero(known).tolist()
    return Answer(at, [found.labels[row] for row in rows], column[rows].tolist(), found.partial)
