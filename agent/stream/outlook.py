"""The rules in force and the store in, what of the logs and events the rules ask for out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.config.conditions import EventCondition, LogCondition, LogTemplateCondition, leaves
from agent.config.rulefiles import Rulebook
from agent.records import ArrivalKind, Arrivals, LogCount
from agent.store import Stores

_EXPIRED_OF_LATE = timedelta(days=1)
_RARE_LINES = 5  # in all the time the template is known


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the rules ask for, and how far back."""

    patterns: frozenset[str]
    templates: bool
    events: bool
    within: timedelta


def asked_for(book: Rulebook) -> Asked:
    """Return what the rules of a book ask of logs and events."""
    found = [leaf for rule in book.rules.values() for leaf in leaves(rule.when)]
    arrivals = [one for one in found if isinstance(one, LogCondition | LogTemplateCondition | EventCondition)]
    return Asked(
        patterns=frozenset(leaf.log for leaf in arrivals if isinstance(leaf, LogCondition)),
        templates=any(isinstance(leaf, LogTemplateCondition) for leaf in arrivals),
        events=any(isinstance(leaf, EventCondition) for leaf in arrivals),
        within=max((leaf.within for leaf in arrivals), default=timedelta(0)),
    )


class Outlook:
    """Looks up what is needed and nothing else: most rules ask for none of it."""

    def __init__(
        self,
        stores: Stores,
        book: Callable[[], Rulebook],
        learn: timedelta,
        read_until: Callable[[], Mapping[ArrivalKind, datetime]] = dict,
        ask_for_alerts: Callable[[datetime], None] = lambda now: None,
    ) -> None:
        self._read_until = read_until
        self._ask_for_alerts = ask_for_alerts
        self._stores = stores
        self._book = book
        self._learn = learn
        self._known: Rulebook | None = None
        self._asked = asked_for(Rulebook({}, {}, {}))

    def look(self, now: datetime) -> Arrivals:
        """Return what arrived within the longest time that a rule looks back."""
        book = self._book()
        if book is not self._known:
            self._asked, self._known = asked_for(book), book
        asked, start = self._asked, now - self._asked.within
        self._ask_for_alerts(now)
        until = self._read_until()  # first: what is looked up after it was there by then
        counts: list[LogCount] = []
        rare: frozenset[str] = frozenset()
        if asked.patterns:
            counts += self._stores.logs.counts(start, ["pattern"])
        if asked.templates:
            told, rare = self._templates(start, now)
            counts += told
        events = self._stores.events.since(start) if asked.events else []
        return Arrivals(
            now=now,
            counts=counts,
            events=events,
            rare=rare,
            read_until=until,
            expired_alerts=self._stores.alerts.expired_since(now - _EXPIRED_OF_LATE),
        )

    def _templates(self, start: datetime, now: datetime) -> tuple[list[LogCount], frozenset[str]]:
        began = self._stores.logs.began()
        if began is None or now - began < self._learn:
            return [], frozenset()  # at first every template is new
        return self._stores.logs.unusual(start, _RARE_LINES)
