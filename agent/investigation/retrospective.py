"""The store in, what the incidents of a stretch of time have in common out, as plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from agent.diagnose.live.dependencies import names_of
from agent.diagnose.many.patterns import IncidentFact, Pattern, find_patterns, per_day
from agent.quantity import span_in_words
from agent.records import Incident, Topology
from agent.records.investigations import Investigation
from agent.store import Stores

MOST = 100_000  # incidents
_PAGE = 500  # incidents
_MOST_LOOKED_UP = 2_000  # of the newest, topology and investigation are read
_PLACES = ("host", "zone", "site", "region", "datacenter", "rack", "unit", "service", "mountpoint")
_BEHIND = "behind"  # by the network: who calls or uses what the incident was on


class Timed(Protocol):
    """What says how long an incident lasted."""

    @property
    def opened_at(self) -> datetime:
        """Return when it was opened."""

    @property
    def updated_at(self) -> datetime:
        """Return when it changed last."""

    @property
    def closed_at(self) -> datetime | None:
        """Return when it was over."""

    @property
    def symptomatic(self) -> bool:
        """Return whether its symptoms were there when it changed last."""


def look_back(stores: Stores, begin: datetime, end: datetime, most: int = MOST) -> dict[str, Any]:
    """Return everything a report tells but what the incidents cost."""
    facts: list[IncidentFact] = []
    states: Counter[str] = Counter()
    investigations: list[Investigation] = []
    for one in _incidents(stores, begin, end, most):
        looked_up = len(facts) < _MOST_LOOKED_UP
        facts.append(fact_of(one, end, stores.topologies.of_incident(one.id) if looked_up else None))
        states[one.state.value] += 1
        found = stores.investigations.newest(one.id) if looked_up else None
        if found is not None and found.report:
            investigations.append(found)
    patterns = find_patterns(facts, begin, end)
    return {
        "begin": begin,
        "end": end,
        "incidents": len(facts),
        "minutes": round(sum(one.lasted.total_seconds() for one in facts) / 60, 1),
        "troubled_share": round(_troubled_share(facts, begin, end), 5),
        "states": dict(states.most_common()),
        "faults": _count(one.fault for one in facts),
        "entities": _count(one.entity for one in facts),
        "per_day": [
            {"day": f"{day:%Y-%m-%d}", "incidents": count} for day, count in per_day(facts, begin, end)
        ],
        "per_hour": _per_hour(facts),
        "patterns": [_plain(one) for one in patterns],
        "paths": paths_of(investigations),
        "moved_together": moved_together(investigations),
        "longest": [
            {"id": one.id, "what": one.what, "lasted": span_in_words(one.lasted), "opened_at": one.opened_at}
            for one in sorted(facts, key=lambda one: -one.lasted)[:10]
        ],
    }


def _incidents(stores: Stores, begin: datetime, end: datetime, most: int) -> Iterator[Incident]:
    """Yield what was opened between two times, the newest first, held in memory a page at a time."""
    before: int | None = None
    while most > 0:
        page = stores.incidents.list(limit=min(most, _PAGE), before_id=before, since=begin)
        yield from (one for one in page if one.opened_at <= end)
        if len(page) < _PAGE:
            return
        most, before = most - len(page), page[-1].id


def fact_of(incident: Incident, now: datetime, topology: Topology | None = None) -> IncidentFact:
    """Return what patterns need of an incident."""
    labels: Mapping[str, str] = incident.best.labels if incident.best else {}
    places = {label: labels[label] for label in _PLACES if labels.get(label)}
    places.setdefault("host", incident.host or "unknown")
    if topology is not None and incident.best is not None:
        names = names_of(incident.best)
        callers = sorted({edge.source for edge in topology.edges if edge.target in names})
        if callers:
            places[_BEHIND] = " and ".join(callers[:3])
    return IncidentFact(
        id=incident.id,
        fault=incident.fault or "unknown",
        entity=incident.entity,
        opened_at=incident.opened_at,
        lasted=time_of(incident, now),
        places=tuple(sorted(places.items())),
    )


def time_of(incident: Timed, now: datetime) -> timedelta:
    """Return how long an incident lasted; one that is not over has lasted until now."""
    ended = incident.closed_at or (now if incident.symptomatic else incident.updated_at)
    return max(ended - incident.opened_at, timedelta(0))


def _troubled_share(facts: Sequence[IncidentFact], begin: datetime, end: datetime) -> float:
    """Return the share of the time in which at least one incident lasted."""
    total, until = timedelta(0), begin
    for one in sorted(facts, key=lambda one: one.opened_at):
        start, stop = max(one.opened_at, until), min(one.opened_at + one.lasted, end)
        if stop > start:
            total, until = total + (stop - start), stop
    return total / (end - begin)


def _count(names: Iterable[str]) -> list[dict[str, Any]]:
    return [{"name": name, "incidents": count} for name, count in Counter(names).most_common(20)]


def _per_hour(facts: Sequence[IncidentFact]) -> list[int]:
    hours = Counter(one.opened_at.astimezone(UTC).hour for one in facts)
    return [hours.get(hour, 0) for hour in range(24)]


def _plain(one: Pattern) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "subject": one.subject,
        "text": one.text,
        "value": round(one.value, 4),
        "p": one.p,
        "significant": one.significant,
    }


def paths_of(investigations: Sequence[Investigation]) -> list[dict[str, Any]]:
    """Return by which paths trouble spread, the most frequent first."""
    taken = Counter(
        one.report["root_causes"][0]["path"]
        for one in investigations
        if one.report.get("root_causes") and one.report["root_causes"][0]["path"]
    )
    return [{"path": path, "incidents": count} for path, count in taken.most_common(20)]


def moved_together(investigations: Sequence[Investigation]) -> list[dict[str, Any]]:
    """Return which troubles moved together, with the median lag, what did so in most incidents first."""
    lags: dict[tuple[str, str], list[float]] = {}
    for one in investigations:
        for pair in one.report.get("patterns", {}).get("together", ()):
            if pair["lag_s"] is not None and pair["first"][0] != pair["second"][0]:
                first, second = (
                    f"{entity} ({trouble})" for entity, trouble in (pair["first"], pair["second"])
                )
                lags.setdefault((first, second), []).append(pair["lag_s"])
    often = sorted(lags.items(), key=lambda item: -len(item[1]))[:20]
    return [
        {"first": first, "second": second, "lag_s": sorted(own)[len(own) // 2], "incidents": len(own)}
        for (first, second), own in often
    ]
