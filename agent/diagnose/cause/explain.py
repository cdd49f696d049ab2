"""An analysis in, sentences for people out: what was seen of a suspect, with its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from agent.diagnose.cause.graph import FAILING, Link, NodeKey, Trouble
from agent.diagnose.cause.rootcause import RootCauseAnalysis, Suspect, changes_before
from agent.meaning import unit_of
from agent.quantity import format_quantity, format_value

_MOST_SERIES = 3
_MOST_COMPLAINTS = 2
_NOUNS = {
    Trouble.LATENCY: "latency",
    Trouble.ERRORS: "errors",
    Trouble.SATURATION: "shortage",
    Trouble.SURGE: "more traffic",
    Trouble.DROUGHT: "less traffic",
    Trouble.OTHER: "unusual values",
}


def explain_suspect(analysis: RootCauseAnalysis, suspect: Suspect) -> list[str]:
    """Return the evidence for one suspect, the strongest first."""
    return [
        *_tell_finding(analysis, suspect.entity),
        *_tell_series(analysis, suspect.entity),
        *_tell_complaints(analysis, suspect.entity),
        *_tell_changes(analysis, suspect.entity),
        *_tell_blame(analysis, suspect),
    ]


def _tell_finding(analysis: RootCauseAnalysis, entity: str) -> list[str]:
    found = analysis.observed.findings.get(entity)
    if found is None:
        return []
    return [f"{found.saw or 'the fault was seen here'} (so says a rule, {found.sure:.0%} sure)"]


def _tell_series(analysis: RootCauseAnalysis, entity: str) -> list[str]:
    deviations = analysis.deviations
    table = deviations.table
    rows = [row for key, node in analysis.graph.nodes.items() if key[0] == entity for row in node.rows]
    told = []
    for row in sorted(rows, key=lambda row: -deviations.severity[row])[:_MOST_SERIES]:
        values = deviations.series[row, deviations.start :]
        if np.isnan(values).all():
            continue
        worst = int(np.nanargmax(deviations.z[row, deviations.start :]))
        level = deviations.usual(row)
        word = "rose" if values[worst] > level else "fell"
        since = _moment(analysis, int(deviations.onset[row]))
        title = table.titles[row] if table.titles else f"{table.names[row]} of {entity}"
        unit = table.meanings[row].unit if table.meanings else unit_of(table.names[row], table.metadata)
        course = f"from {format_quantity(level, unit)} to {format_quantity(values[worst], unit)}"
        told.append(f"{_show(title)} {word} {course}{since}")
    if entity in analysis.graph.vanished:
        told.insert(0, f"all metrics of {_show(entity)} ended while those of others went on")
    return told


def _tell_complaints(analysis: RootCauseAnalysis, entity: str) -> list[str]:
    complaints = [one for one in analysis.logs.complaints.get(entity, ()) if one.since > one.before]
    told = []
    for one in [one for one in complaints if one.own][:_MOST_COMPLAINTS]:
        usual = f"{one.usual:.0f} were to be expected" if one.usual >= 1 else "none was to be expected"
        told.append(f"it logged {one.since} times since then, {usual}: {_show(one.text)}")
    blaming: dict[str, int] = {}
    for other, theirs in analysis.logs.complaints.items():
        if other != entity:
            count = sum(one.since for one in theirs if entity in one.names)
            if count:
                blaming[other] = count
    for other, count in sorted(blaming.items(), key=lambda pair: -pair[1])[:_MOST_SERIES]:
        told.append(f"{_show(other)} names it in {count} log lines")
    return told


def _tell_changes(analysis: RootCauseAnalysis, entity: str) -> list[str]:
    deviations = analysis.deviations
    began = float(analysis.observed.table.times[deviations.start]) if len(deviations.table.times) else 0.0
    told = []
    for event in changes_before(entity, analysis.observed, deviations)[:_MOST_SERIES]:
        gap = (began - event.at) / 60
        when = f"{gap:.0f} min before" if gap >= 1 else "just before"
        told.append(f"{_show(event.kind)} {when} it began: {_show(event.message)}")
    return told


def _tell_blame(analysis: RootCauseAnalysis, suspect: Suspect) -> list[str]:
    graph, told = analysis.graph, []
    for key in graph.nodes:
        if key[0] == suspect.entity and key[1] in FAILING:
            passed = sum(link.share for link in graph.links.get(key, ()) if link.cause[0] != suspect.entity)
            if not analysis.observed.edges and passed < 0.05:
                continue  # nobody told what it depends on
            word = "nothing" if passed < 0.05 else f"{passed:.0%} of it"
            told.append(f"what it depends on accounts for {word} ({key[1].value})")
    if suspect.repaired >= 0.05:
        told.append(f"its repair would take away {suspect.repaired:.0%} of what is wrong")
    return told


def causal_path(analysis: RootCauseAnalysis, entity: str) -> list[Link]:
    """Return the strongest chain of links from where trouble is felt to an entity, effect first."""
    graph = analysis.graph
    best: dict[NodeKey, tuple[float, list[Link]]] = {
        key: (1.0, []) for key, weight in analysis.start.items() if weight > 0 and key[0] != entity
    }
    found: tuple[float, list[Link]] = (0.0, [])
    open_keys = list(best)
    for _ in range(8):  # no chain of blame that people believe is longer
        reached: list[NodeKey] = []
        for key in open_keys:
            weight, path = best[key]
            for link in graph.links.get(key, ()):
                through = weight * link.share
                if link.cause[0] == entity:
                    longer = through * (1 + len(path))  # people want to see how far it reached
                    if longer > found[0]:
                        found = longer, [*path, link]
                elif through * (1 + len(path)) > _reach(best.get(link.cause)):
                    best[link.cause] = through, [*path, link]
                    reached.append(link.cause)
        open_keys = reached
        if not open_keys:
            break
    return found[1]


def _reach(known: tuple[float, list[Link]] | None) -> float:
    return known[0] * max(1, len(known[1])) if known else 0.0


def draw_path(links: Sequence[Link]) -> str:
    """Return a causal path as a picture in one line, the cause first.

    ``payment (errors) ──► checkout (errors) ──► frontend (errors)``
    """
    if not links:
        return ""
    nodes = [links[-1].cause, *(link.effect for link in reversed(links))]
    return " ──► ".join(f"{_show(entity)} ({_NOUNS[trouble]})" for entity, trouble in nodes)


def _moment(analysis: RootCauseAnalysis, column: int) -> str:
    table = analysis.observed.table
    if column < 0 or not table.clocked:
        return ""
    return f" at {datetime.fromtimestamp(float(table.times[column]), UTC):%H:%M:%S} UTC"


def _show(text: str) -> str:
    return format_value(text)
