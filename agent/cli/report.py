"""``opsmend report``: the incidents of a stretch of time, and what they have in common, as a page or text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agent.cli.common import settings_and_stores
from agent.cli.output import console, print_json, span, write
from agent.cli.reportpage import render_html, render_markdown
from agent.collect.seriesfile import read_series
from agent.config.scalars import parse_duration
from agent.diagnose.many.impact import Impact, measure_impact
from agent.diagnose.many.patterns import IncidentFact, Pattern, find_patterns, per_day
from agent.errors import ConfigError
from agent.records import Incident
from agent.store import Stores

_MOST = 100_000
_PLACES = ("host", "zone", "site", "region", "datacenter", "rack", "unit", "service", "mountpoint")


def make_report(
    config: Path | None, since: str, output: Path | None, impact: Path | None, json: bool
) -> None:
    """Report on the incidents of the last while. The name of ``output`` says the form: .html or .md."""
    try:
        length = parse_duration(since)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    settings, stores = settings_and_stores(config)
    end = datetime.now(UTC)
    content = gather(stores, end - length, end, impact)
    content["name"] = settings.agent.name
    if output is not None:
        page = render_html(content) if output.suffix in (".html", ".htm") else render_markdown(content)
        write(output, page.encode())
    if json:
        print_json(content)
    elif output is None:
        console.print(render_markdown(content), markup=False, soft_wrap=True)


def gather(stores: Stores, begin: datetime, end: datetime, impact: Path | None) -> dict[str, Any]:
    """Return everything a report tells, as plain values."""
    incidents = [one for one in stores.incidents.list(limit=_MOST) if begin <= one.opened_at <= end]
    facts = [fact_of(one, end) for one in incidents]
    patterns = find_patterns(facts, begin, end)
    return {
        "begin": begin,
        "end": end,
        "incidents": len(facts),
        "minutes": round(sum(one.lasted.total_seconds() for one in facts) / 60, 1),
        "troubled_share": round(_troubled_share(facts, begin, end), 5),
        "states": dict(Counter(one.state.value for one in incidents).most_common()),
        "faults": _count(one.fault for one in facts),
        "entities": _count(one.entity for one in facts),
        "per_day": [
            {"day": f"{day:%Y-%m-%d}", "incidents": count} for day, count in per_day(facts, begin, end)
        ],
        "per_hour": _per_hour(facts),
        "patterns": [_plain(one) for one in patterns],
        "impact": _impact(impact, facts),
        "longest": [
            {"id": one.id, "what": one.what, "lasted": span(one.lasted), "opened_at": one.opened_at}
            for one in sorted(facts, key=lambda one: -one.lasted)[:10]
        ],
    }


def fact_of(incident: Incident, now: datetime) -> IncidentFact:
    """Return what patterns need of an incident; one that is not over has lasted until now."""
    ended = incident.closed_at or (now if incident.symptomatic else incident.updated_at)
    labels: Mapping[str, str] = incident.best.labels if incident.best else {}
    places = {label: labels[label] for label in _PLACES if labels.get(label)}
    places.setdefault("host", incident.host or "unknown")
    return IncidentFact(
        id=incident.id,
        fault=incident.fault or "unknown",
        entity=incident.entity,
        opened_at=incident.opened_at,
        lasted=max(ended - incident.opened_at, timedelta(0)),
        places=tuple(sorted(places.items())),
    )


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


def _impact(file: Path | None, facts: Sequence[IncidentFact]) -> list[dict[str, Any]]:
    if file is None:
        return []
    table, _ = read_series(file)
    spans = [(one.opened_at.timestamp(), one.lasted) for one in facts]
    return [_plain_impact(one) for one in measure_impact(table, spans)]


def _plain_impact(one: Impact) -> dict[str, Any]:
    return {
        "series": one.series,
        "expected": one.expected,
        "seen": one.seen,
        "missed": one.missed,
        "share": one.share,
        "p": one.p,
    }
