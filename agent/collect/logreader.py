"""A log source and the book of what was read in, counts kept out: every line once, none left out.

The log is read in spans of ten seconds. The source is asked how many lines each span has; one that has
other than it had is read, and lines whose id is known from it are passed over. So a line counts once
whether it arrives in time or late, and whatever stops the agent: counts and ids are kept together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Protocol

from agent.collect.logcount import Counted, LineCounter
from agent.config.sources import SearchSection
from agent.log import Logger
from agent.records import LogCount, LogLine, LogSpan, TemplateSeen

log = Logger("search")

_SPAN_S = 10
_ID_BYTES = 8
_AHEAD = timedelta(minutes=5)  # clocks of others may be this fast
_OVERLAP = timedelta(seconds=1)
_UNFINISHED = -1


class LogPicture(Protocol):
    """A log as it was at one moment."""

    def count(self, start: datetime, end: datetime) -> dict[datetime, int]:
        """Return how many lines there are in each span that has any."""

    def read(self, span: datetime, since: datetime) -> Iterator[list[LogLine]]:
        """Yield the lines of a span, from a time in it on, in pages."""


class LogSource(Protocol):
    """A place that keeps logs."""

    def picture(self) -> AbstractContextManager[LogPicture]:
        """Open a picture that does not change. Raises SourceError, here and when it is looked at."""


class LogBook(Protocol):
    """What remembers how far was read."""

    def keep(
        self,
        source: str,
        spans: Iterable[LogSpan],
        counts: Iterable[LogCount],
        templates: Iterable[TemplateSeen] = (),
    ) -> None:
        """Add counts and replace spans and templates, all or nothing."""

    def spans(self, source: str, start: datetime) -> dict[datetime, LogSpan]:
        """Return the spans from a time on."""

    def cursor(self, source: str) -> datetime | None:
        """Return the time before which nothing is looked for any more."""

    def move_cursor(self, source: str, at: datetime) -> None:
        """Look for nothing before a time any more."""


class LogReader:
    """Reads one source. Not safe to use from several threads."""

    def __init__(
        self,
        name: str,
        source: LogSource,
        book: LogBook,
        counter: LineCounter,
        section: SearchSection,
        on_kept: Callable[[Counted], None] = lambda counted: None,
    ) -> None:
        self._name = name
        self._source = source
        self._book = book
        self._counter = counter
        self._section = section
        self._on_kept = on_kept
        self._reached: dict[datetime, datetime] = {}

    def read(self, now: datetime) -> int:
        """Read what is new; return how many lines. Raises SourceError, StoreError.

        What was read before an error stays read.
        """
        start = self._start(now)
        lines = 0
        with self._source.picture() as picture:
            told = picture.count(start, _floor(now + _AHEAD))
            known = self._book.spans(self._name, start)
            for span in sorted(told):
                before = known.get(span)
                if before is None or before.told != told[span]:
                    lines += self._read_span(picture, span, told[span], before.ids if before else b"")
        self._reached = {span: at for span, at in self._reached.items() if span >= start}
        reached = _floor(now - self._section.late)
        if reached > start:
            self._book.move_cursor(self._name, reached)
        return lines

    def _start(self, now: datetime) -> datetime:
        """Return the time from which on lines are looked for; set it where none is possible."""
        cursor = self._book.cursor(self._name)
        if cursor is not None and cursor <= now:
            return cursor
        if cursor is not None:
            log.warning("the clock was set back, and lines are read from there", to=now, was_at=cursor)
        start = _floor(now - (self._section.history if cursor is None else self._section.late))
        self._book.move_cursor(self._name, start)
        return start

    def _read_span(self, picture: LogPicture, span: datetime, told: int, ids: bytes) -> int:
        seen = {ids[place : place + _ID_BYTES] for place in range(0, len(ids), _ID_BYTES)}
        lines = 0
        # mostly lines were added at the end; when that does not make up the number, some came late
        reached = self._reached.get(span)
        if reached is not None:
            lines = self._read_from(picture, span, max(span, reached - _OVERLAP), seen)
        if len(seen) != told:
            lines += self._read_from(picture, span, span, seen)
        self._book.keep(self._name, [LogSpan(at=span, told=told, ids=b"".join(seen))], ())
        return lines

    def _read_from(self, picture: LogPicture, span: datetime, since: datetime, seen: set[bytes]) -> int:
        """Read part of a span and add what is new to ``seen``; return how many lines that is."""
        lines = 0
        for page in picture.read(span, since):
            new = {digest: line for line in page if (digest := _digest(line.id)) not in seen}
            if not new:
                continue
            counted = self._counter.count(new.values())
            kept = LogSpan(at=span, told=_UNFINISHED, ids=b"".join((*seen, *new)))
            self._book.keep(self._name, [kept], counted.counts, counted.templates)
            seen.update(new)
            self._counter.settle(counted)
            self._on_kept(counted)
            self._reached[span] = page[-1].at
            lines += counted.lines
        return lines


def _digest(id_: str) -> bytes:
    return blake2b(id_.encode("utf-8", "surrogatepass"), digest_size=_ID_BYTES).digest()


def _floor(at: datetime) -> datetime:
    return datetime.fromtimestamp(int(at.timestamp()) // _SPAN_S * _SPAN_S, UTC)
