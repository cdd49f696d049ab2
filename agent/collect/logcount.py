"""Lines in, counts out: per ten seconds, entity and template, and per pattern that a rule asks for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from agent.collect.templates import Template, TemplateMiner
from agent.records import LogCount, LogLine, TemplateSeen

_MOST_WRITERS = 2000  # who write lines, within an hour
_WRITER_LASTS_S = 3600
_OTHERS: Labels = (("service", "others"),)
_SPAN_S = 10
_LONGEST_EXAMPLE = 500
_MOST_TEMPLATES = 20_000
_BEGINNING, _END = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted in some lines: to be kept, and then to be settled with ``LineCounter.settle``."""

    lines: int
    counts: Sequence[LogCount]
    templates: Sequence[TemplateSeen]


@dataclass(slots=True)
class _Tally:
    lines: int = 0
    example: str = ""


@dataclass(slots=True)
class _Sighting:
    lines: int = 0
    first: datetime = _END
    last: datetime = _BEGINNING
    joined: set[int] = field(default_factory=set)


class LineCounter:
    """Counts lines by template and pattern. Not safe to use from several threads."""

    def __init__(self, known: Iterable[TemplateSeen] = (), patterns: Iterable[str] = ()) -> None:
        newest = sorted(known, key=lambda one: one.last_seen_at)[-_MOST_TEMPLATES:]
        self._miner = TemplateMiner(_MOST_TEMPLATES)
        self._miner.restore(Template(one.number, one.text) for one in newest)
        self._templates = {one.number: one for one in newest}
        self._writers: dict[Labels, int] = {}  # and in which span each wrote last
        self._sifted_at = 0
        self._patterns: dict[str, re.Pattern[str]] = {}
        self._any: re.Pattern[str] | None = None
        self.watch(patterns)

    def watch(self, patterns: Iterable[str]) -> None:
        """Count lines that hold one of these patterns from now on."""
        self._patterns = {text: re.compile(text) for text in patterns}
        # most lines hold none of them: one search tells
        self._any = re.compile("|".join(f"(?:{text})" for text in self._patterns)) if self._patterns else None

    def count(self, lines: Iterable[LogLine]) -> Counted:
        """Count lines. Learns their templates, but remembers no number until it is settled."""
        tallies: dict[tuple[int, str, str, Labels], _Tally] = {}
        sightings: dict[int, _Sighting] = {}
        total = 0
        for line in lines:
            total += 1
            number = self._miner.add(line.message)
            span = int(line.at.timestamp()) // _SPAN_S * _SPAN_S
            labels = self._writer(tuple(sorted(line.labels.items())), span)
            _tally(tallies, (span, "template", str(number), labels), line.message)
            for pattern in self._found(line.message):
                _tally(tallies, (span, "pattern", pattern, labels), line.message)
            seen = sightings.setdefault(number, _Sighting())
            seen.lines += 1
            seen.first, seen.last = min(seen.first, line.at), max(seen.last, line.at)
        return Counted(total, self._counts(tallies), self._seen(sightings))

    def settle(self, counted: Counted) -> None:
        """Remember how often templates were seen: the counts are kept."""
        for one in counted.templates:
            self._templates[one.number] = replace(one, joined=())
            for number in one.joined:
                self._templates.pop(number, None)
        if len(self._templates) > 2 * _MOST_TEMPLATES:
            newest = sorted(self._templates.values(), key=lambda one: one.last_seen_at)[-_MOST_TEMPLATES:]
            self._templates = {one.number: one for one in newest}

    def template(self, number: int) -> TemplateSeen | None:
        """Return what is known of a template."""
        return self._templates.get(self._miner.number(number))

    def templates(self) -> Mapping[int, TemplateSeen]:
        """Return all templates by number."""
        return self._templates

    def _writer(self, labels: Labels, span: int) -> Labels:
        """Return under whose name a line counts: a field that differs from line to line names nobody.

        Its rows would fill the store.
        """
        if labels not in self._writers and len(self._writers) >= _MOST_WRITERS:
            if span > self._sifted_at:
                self._sifted_at = span
                self._writers = {one: at for one, at in self._writers.items() if at > span - _WRITER_LASTS_S}
            if len(self._writers) >= _MOST_WRITERS:
                return _OTHERS
        self._writers[labels] = span
        return labels

    def _found(self, message: str) -> list[str]:
        if self._any is None or self._any.search(message) is None:
            return []
        return [text for text, pattern in self._patterns.items() if pattern.search(message)]

    def _counts(self, tallies: Mapping[tuple[int, str, str, Labels], _Tally]) -> list[LogCount]:
        return [
            LogCount(
                at=datetime.fromtimestamp(span, UTC),
                kind="pattern" if kind == "pattern" else "template",
                key=key,
                labels=dict(labels),
                lines=tally.lines,
                example=tally.example,
            )
            for (span, kind, key, labels), tally in tallies.items()
        ]

    def _seen(self, sightings: Mapping[int, _Sighting]) -> list[TemplateSeen]:
        """Return the templates as they are with these sightings, under their present numbers."""
        merged: dict[int, _Sighting] = {}
        for number, seen in sightings.items():
            present = self._miner.number(number)
            into = merged.setdefault(present, _Sighting())
            into.lines += seen.lines
            into.first, into.last = min(into.first, seen.first), max(into.last, seen.last)
        # a template that joined another one takes its history along
        for number in [one for one in self._templates if self._miner.number(one) != one]:
            merged.setdefault(self._miner.number(number), _Sighting()).joined.add(number)
        return [self._template(number, seen) for number, seen in merged.items()]

    def _template(self, number: int, seen: _Sighting) -> TemplateSeen:
        before = [self._templates[one] for one in {number, *seen.joined} if one in self._templates]
        return TemplateSeen(
            number=number,
            text=self._miner.text(number),
            lines=seen.lines + sum(one.lines for one in before),
            first_seen_at=min([seen.first, *(one.first_seen_at for one in before)]),
            last_seen_at=max([seen.last, *(one.last_seen_at for one in before)]),
            joined=tuple(sorted(seen.joined)),
        )


def _tally(
    tallies: dict[tuple[int, str, str, Labels], _Tally], key: tuple[int, str, str, Labels], message: str
) -> None:
    tally = tallies.setdefault(key, _Tally())
    tally.lines += 1
    if not tally.example:
        tally.example = message[:_LONGEST_EXAMPLE]
