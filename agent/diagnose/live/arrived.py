"""A condition on logs or events in, those who meet it out, each as a symptom."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

from agent.config.conditions import (
    ArrivalCondition,
    EventCondition,
    LogCondition,
    LogTemplateCondition,
    labels_fit,
)
from agent.diagnose.live.symptoms import Match
from agent.quantity import format_value
from agent.records import Arrivals, Event, LogCount, Symptom

_LONGEST_EXAMPLE = 200
_UNSHARED = frozenset({"level"})  # lines of one fault come at several levels


def find_log_lines(condition: LogCondition, arrivals: Arrivals) -> list[Match]:
    """Return who wrote the text often enough."""
    counts = (one for one in arrivals.counts if one.kind == "pattern" and one.key == condition.log)
    return _log_matches(condition, counts, arrivals.now, f"hold '{condition.log}'", condition.log)


def find_log_templates(condition: LogTemplateCondition, arrivals: Arrivals) -> list[Match]:
    """Return who wrote lines of a template that is new, or that is hardly ever seen."""
    start = arrivals.now - condition.within
    counts = [
        one
        for one in arrivals.counts
        if one.kind == "template"
        and (
            one.key in arrivals.rare
            if condition.log_template == "rare"
            else one.first_seen_at is not None and one.first_seen_at >= start
        )
    ]
    words = f"are of a {condition.log_template} kind"
    return _log_matches(condition, counts, arrivals.now, words, f"{condition.log_template} log template")


def find_events(condition: EventCondition, arrivals: Arrivals) -> list[Match]:
    """Return to whom such events happened often enough."""
    start = arrivals.now - condition.within
    groups: dict[frozenset[tuple[str, str]], list[Event]] = defaultdict(list)
    for event in arrivals.events:
        if event.at < start or not re.fullmatch(condition.event, event.kind):
            continue
        if labels_fit(event.labels, condition.where):
            groups[frozenset(event.labels.items())].append(event)
    return [
        _match("event", condition.event, _event_words(events), events[0].at, events[-1].labels, len(events))
        for events in groups.values()
        if len(events) >= condition.at_least
    ]


def _log_matches(
    condition: ArrivalCondition, counts: Iterable[LogCount], now: datetime, words: str, source: str
) -> list[Match]:
    groups: dict[frozenset[tuple[str, str]], list[LogCount]] = defaultdict(list)
    for count in counts:
        if count.at >= now - condition.within and labels_fit(count.labels, condition.where):
            shared = frozenset(item for item in count.labels.items() if item[0] not in _UNSHARED)
            groups[shared].append(count)
    matches = []
    for shared, members in groups.items():
        lines = sum(one.lines for one in members)
        if lines >= condition.at_least:
            example = format_value(members[-1].example[:_LONGEST_EXAMPLE])
            text = f"{lines} log lines {words}, such as: {example}"
            matches.append(_match("log", source, text, members[0].at, dict(shared), lines))
    return matches


def _match(
    kind: str, source: str, text: str, since: datetime, labels: Mapping[str, str], count: int
) -> Match:
    entity = labels.get("service") or labels.get("host") or source
    symptom = Symptom(
        kind=kind, source=source, entity=entity, text=text, since=since, labels=labels, value=float(count)
    )
    return Match(labels, symptom)


def _event_words(events: list[Event]) -> str:
    newest = events[-1]
    often = f"{len(events)} times, last " if len(events) > 1 else ""
    said = f": {format_value(newest.message[:_LONGEST_EXAMPLE])}" if newest.message else ""
    return f"event {format_value(newest.kind)} {often}at {newest.at:%H:%M:%S} UTC{said}"
