"""An incident and what is known around it in, ``Observations`` for diagnosis out.

Names differ between sources: a topology may know a host, a unit or a service. What the topology knows
names a series, a log line or an event; else its service does, else its host. Replicas of one workload that
the topology does not know one by one are called by the workload.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal

import numpy as np

from agent.config.rulefiles import Fault, Signal
from agent.meaning.workload import POD_LABELS, owner_of
from agent.quantity import format_value
from agent.records import Candidate, Event, Frame, Incident, IntArray, LogCount, Topology
from agent.records.evidence import (
    ChangeEvent,
    Edge,
    LogEntry,
    Meaning,
    Observations,
    SeriesTable,
    SureFinding,
    SymptomHint,
)

_NAMING_LABELS = ("service", "pod", "unit", "server", "backend", "instance", "host")
_FALLBACK_LABELS = ("service", "host", "pod", "instance")
_MOST_SERIES = 10_000
_BEFORE_S = 60.0  # before the first symptom, the incident may have begun unseen
_FEWEST_HEALTHY = 10  # columns; with fewer the healthy time is looked for within the incident
_LONGEST_INCIDENT_S = 3600.0
_SURE = 0.5  # a rule that is less sure needs others to say it too
# groups of processes that come with every login: ours, when the agent asks or repairs
_OWN_NOISE = frozenset(
    {"(sd-pam)", "bash", "dash", "dbus-daemon", "sftp-server", "sh", "sshd", "sudo", "systemd-logind"}
)


def observe(
    incident: Incident,
    frame: Frame,
    signals: Mapping[str, Signal],
    topology: Topology,
    faults: Mapping[str, Fault] | None = None,
) -> Observations:
    """Return what metrics and topology say of an incident.

    The frame goes on changing: everything that is needed of it is copied here.
    """
    known = names_in(topology.edges)
    rows = _choose(frame, signals, incident)
    cut = _cut(frame, first_seen(incident))
    whole = _table(frame, signals, rows, known)
    healthy = cut >= _FEWEST_HEALTHY
    return Observations(
        table=_part(whole, slice(cut, None)) if healthy else whole,
        baseline=_part(whole, slice(0, cut)) if healthy else None,
        nodes=sorted(known),
        edges=sorted(topology.edges, key=lambda edge: (edge.source, edge.target)),
        detected_at=incident.opened_at,
        symptom=_hint(incident, known),
        findings=_sure_of(incident, known, faults or {}),
    )


def with_arrivals(
    observed: Observations, counts: Iterable[LogCount], events: Iterable[Event], since: datetime
) -> Observations:
    """Return the observations with what logs and event streams brought ``since`` a time."""
    known = frozenset(observed.nodes)
    return replace(
        observed,
        logs_known_from=since.timestamp(),
        logs=[_log_entry(count, known) for count in counts],
        events=[_change(event, known) for event in events],
    )


def names_in(edges: Iterable[Edge]) -> frozenset[str]:
    """Return every name that edges know."""
    return frozenset(name for edge in edges for name in (edge.source, edge.target))


def name_of(labels: Mapping[str, str], entity: str, known: Collection[str]) -> str:
    """Return what diagnosis calls the owner of some labels."""
    said = [entity, *(labels.get(label, "") for label in _NAMING_LABELS), owner_of(labels.get("pod", ""))]
    for name in said:
        if name in known:
            return name
    for label in _FALLBACK_LABELS:
        if labels.get(label):
            return owner_of(labels[label]) if label in POD_LABELS else labels[label]
    return entity


def still_seen(incident: Incident) -> list[Candidate]:
    """Return the faults of an incident that were seen when it was last looked at."""
    candidates = incident.diagnosis.candidates
    newest = max((one.seen_at for one in candidates if one.seen_at is not None), default=None)
    return [one for one in candidates if one.seen_at == newest]


def _sure_of(
    incident: Incident, known: Collection[str], faults: Mapping[str, Fault]
) -> dict[str, SureFinding]:
    """Return the incident's own fault while it is seen and a rule is sure of it; others follow from it.

    What cases, the classifier or an alert nobody knows say is what an investigation asks anew.
    """
    best = incident.best
    if best is None or best not in still_seen(incident):
        return {}
    sure = max((sure for voter, sure in best.voters.items() if voter.startswith("rule ")), default=0.0)
    if sure < _SURE:
        return {}
    fault = faults.get(best.fault)
    found = SureFinding(
        sure=sure,
        saw=best.evidence[0] if best.evidence else "",
        passed_on=fault is not None and fault.passed_on,
    )
    return {name_of(best.labels, best.labels.get("host", "") or best.entity, known): found}


def first_seen(incident: Incident) -> datetime:
    """Return since when the first symptom of an incident is there."""
    since = (s.since for one in incident.diagnosis.candidates for s in one.symptoms)
    return min(since, default=incident.opened_at)


def _choose(frame: Frame, signals: Mapping[str, Signal], incident: Incident) -> IntArray:
    """Return the rows worth looking at; of too many those of the incident's host and then the first."""
    rows = [
        row
        for row, series in enumerate(frame.series)
        if (signal := signals.get(series.signal)) is not None
        and signal.bad != "none"
        and series.labels.get("groupname") not in _OWN_NOISE
    ]
    if len(rows) > _MOST_SERIES:
        hosts = {incident.host, *(one.labels.get("host", "") for one in incident.diagnosis.candidates)}
        rows.sort(key=lambda row: frame.series[row].labels.get("host") not in hosts)
    return np.array(rows[:_MOST_SERIES], dtype=np.intp)


def _cut(frame: Frame, began: datetime) -> int:
    """Return the column at which the healthy time ends."""
    times = frame.times
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    earliest = max(
        began.timestamp() - max(_BEFORE_S, 4 * step), float(times[-1]) - _LONGEST_INCIDENT_S - _BEFORE_S
    )
    return int(np.searchsorted(times, earliest))


def _table(
    frame: Frame, signals: Mapping[str, Signal], rows: IntArray, known: Collection[str]
) -> SeriesTable:
    chosen = [frame.series[row] for row in rows]
    return SeriesTable(
        times=frame.times.copy(),
        names=[one.signal for one in chosen],
        entities=[name_of(one.labels, one.entity, known) for one in chosen],
        labels=[one.labels for one in chosen],
        values=frame.values[rows],
        meanings=[Meaning(signals[one.signal].role, _bad(signals[one.signal]), one.unit) for one in chosen],
        titles=[f"{one.signal} of {format_value(one.entity)}" for one in chosen],
    )


def _part(table: SeriesTable, columns: slice) -> SeriesTable:
    return replace(table, times=table.times[columns], values=table.values[:, columns])


def _bad(signal: Signal) -> Literal["low", "high", "both"]:
    return signal.bad if signal.bad != "none" else "both"


def _log_entry(count: LogCount, known: Collection[str]) -> LogEntry:
    return LogEntry(
        at=count.at.timestamp(),
        entity=name_of(count.labels, count.labels.get("host", ""), known),
        level=count.labels.get("level", "").upper(),
        message=count.example,
        lines=count.lines,
    )


def _change(event: Event, known: Collection[str]) -> ChangeEvent:
    return ChangeEvent(
        at=event.at.timestamp(),
        kind=event.kind,
        entity=name_of(event.labels, event.labels.get("host", ""), known),
        message=event.message[:500],
    )


def _hint(incident: Incident, known: Collection[str]) -> SymptomHint | None:
    best = incident.best
    if best is None:
        return None
    measured: Sequence[str] = [
        one.source for one in best.symptoms if one.kind in ("threshold", "anomaly", "absence")
    ]
    return SymptomHint(
        entity=name_of(best.labels, incident.host or best.entity, known),
        metric=measured[0] if measured else "",
    )
