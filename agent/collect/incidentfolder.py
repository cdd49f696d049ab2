"""An incident folder in, ``Observations`` out: metrics, and where known baseline, topology, logs, events."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import orjson

from agent.collect.seriesfile import read_bytes, read_series, read_time
from agent.errors import ConfigError, Problem
from agent.meaning import read_metadata
from agent.records.evidence import ChangeEvent, Edge, LogEntry, Observations, SymptomHint

_LONGEST_MESSAGE = 2_000  # characters kept of a log line; a line of 1 MB says no more
Row = TypeVar("Row")


def read_incident_folder(folder: Path, entity_label: str | None = None) -> Observations:
    """Read a folder. Raises ConfigError when it has no metrics, or a file is wrong beyond a few lines."""
    if not folder.is_dir():
        raise ConfigError([Problem(folder, "is no folder")])
    metrics = _find(folder, "metrics.csv")
    if metrics is None:
        raise ConfigError([Problem(folder, "has neither metrics.csv nor metrics.csv.gz")])
    nodes, edges = _read_topology(_find(folder, "topology.json"))
    known = {*nodes, *(name for edge in edges for name in (edge.source, edge.target))}
    table, notes = read_series(metrics, entity_label, known)
    if (file := _find(folder, "metadata.json")) is not None:
        table = replace(table, metadata=read_metadata(_read_json(file)))
    baseline = None
    if (file := _find(folder, "baseline.csv")) is not None:
        baseline, more = read_series(file, entity_label, known)
        notes += more
    detected_at, symptom = _read_incident(_find(folder, "incident.json"))
    logs = list(_read_lines(_find(folder, "logs.jsonl"), _log_line, notes))
    events = list(_read_lines(_find(folder, "events.jsonl"), _event, notes))
    if any(later.at < earlier.at for earlier, later in pairwise(logs)):
        notes.append("logs.jsonl: lines were out of order and have been sorted")
        logs.sort(key=lambda line: math.inf if math.isnan(line.at) else line.at)
    return Observations(
        table=table,
        baseline=baseline,
        nodes=nodes,
        edges=edges,
        logs=logs,
        events=events,
        detected_at=detected_at,
        symptom=symptom,
        notes=tuple(notes),
    )


def _find(folder: Path, name: str) -> Path | None:
    return next((file for file in (folder / name, folder / f"{name}.gz") if file.is_file()), None)


def _read_json(file: Path) -> Any:
    try:
        return json.loads(read_bytes(file).decode("utf-8-sig", errors="replace"))
    except (ValueError, RecursionError) as error:
        raise ConfigError([Problem(file, f"is no JSON: {error}")]) from error


def _read_topology(file: Path | None) -> tuple[list[str], list[Edge]]:
    if file is None:
        return [], []
    content = _read_json(file)
    if not isinstance(content, dict):
        raise ConfigError([Problem(file, "must be an object with 'edges' and 'nodes'")])
    edges: list[Edge] = []
    for index, edge in enumerate(content.get("edges") or []):
        if not isinstance(edge, dict) or not (_text(edge.get("from")) and _text(edge.get("to"))):
            raise ConfigError([Problem(file, "must have 'from' and 'to'", key=f"edges[{index}]")])
        edges.append(Edge(source=edge["from"], target=edge["to"], kind=_text(edge.get("kind")) or "call"))
    named = (node.get("id") if isinstance(node, dict) else node for node in content.get("nodes") or [])
    nodes = [node for node in map(_text, named) if node]
    return nodes, list(dict.fromkeys(edges))


def _read_incident(file: Path | None) -> tuple[datetime | None, SymptomHint | None]:
    if file is None:
        return None, None
    content = _read_json(file)
    if not isinstance(content, dict):
        raise ConfigError([Problem(file, "must be an object with 'detected_at' and 'symptom'")])
    detected_at = None
    if content.get("detected_at") is not None:
        try:
            detected_at = datetime.fromtimestamp(read_time(str(content["detected_at"])), UTC)
        except (ValueError, OverflowError, OSError) as error:
            raise ConfigError([Problem(file, "is no time", key="detected_at")]) from error
    symptom = content.get("symptom")
    if isinstance(symptom, dict) and _text(symptom.get("entity")):
        return detected_at, SymptomHint(entity=symptom["entity"], metric=_text(symptom.get("metric")))
    return detected_at, None


def _read_lines(
    file: Path | None, make: Callable[[Mapping[str, Any]], Row], notes: list[str]
) -> Iterator[Row]:
    """Yield what each line says; a broken line is counted and told, a file of nothing else refused."""
    if file is None:
        return
    broken, read = 0, 0
    for line in read_bytes(file).split(b"\n"):
        if not line.strip():
            continue
        try:
            row = make(_as_object(line))
        except (ValueError, TypeError, OverflowError):
            broken += 1
            continue
        read += 1
        yield row
    if broken and not read:
        raise ConfigError([Problem(file, "has no line that is a JSON object with the fields asked for")])
    if broken:
        notes.append(f"{file.name}: {broken} of {broken + read} lines could not be read and are left out")


def _as_object(line: bytes) -> Mapping[str, Any]:
    try:
        content = orjson.loads(line)
    except orjson.JSONDecodeError:
        # another encoding: every Latin-1 byte is a character, so names in ASCII survive
        content = json.loads(line.decode("latin-1"), strict=False)
    if not isinstance(content, dict):
        raise TypeError("no object")
    return content


def _log_line(content: Mapping[str, Any]) -> LogEntry:
    message = content.get("message")
    return LogEntry(
        at=_time(content.get("timestamp")),
        entity=_text(content.get("service")),
        level=_text(content.get("level")).upper(),
        message=(message if isinstance(message, str) else json.dumps(message))[:_LONGEST_MESSAGE],
    )


def _event(content: Mapping[str, Any]) -> ChangeEvent:
    return ChangeEvent(
        at=_time(content.get("timestamp")),
        kind=_text(content.get("kind")) or "event",
        entity=_text(content.get("service")),
        message=_text(content.get("message"))[:_LONGEST_MESSAGE],
    )


def _time(value: Any) -> float:
    if value is None:
        return math.nan
    return read_time(str(value))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
