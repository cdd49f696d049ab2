"""A simulated incident in, the same incident in the words of another ecosystem out.

Other systems name things otherwise, count instead of measure, write the caller last, or are watched at
another pace. The truth stays the same, so the figures of one row can be held against those of another.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from tests.bench.systems import STEP_S

Columns = dict[str, np.ndarray]


def _counted(
    label: str, requests: str, code: str, duration: str, per_second: float
) -> Callable[[Columns], Columns]:
    """Return a translation into counters and summaries with a label for the outcome."""

    def translate(columns: Columns) -> Columns:
        told: Columns = {"timestamp": columns["timestamp"]}
        for name in dict.fromkeys(re.findall(r'service="([^"]+)"', "\n".join(columns))):
            own = {key: columns.get(f'{key}{{service="{name}"}}') for key in _MEASURED}
            told |= _of_one(own, name, label, requests, code, duration, per_second)
        return told

    return translate


_MEASURED = (
    "requests_per_second", "latency_mean_seconds", "error_ratio", "cpu_usage_cores",
    "memory_working_set_bytes", "node_cpu_busy_ratio", "node_disk_used_ratio",
)  # fmt: skip


def _of_one(
    own: Mapping[str, np.ndarray | None],
    name: str,
    label: str,
    requests: str,
    code: str,
    duration: str,
    per_second: float,
) -> Columns:
    flow, late, wrong, cpu, memory, busy, used = (own[key] for key in _MEASURED)
    told: Columns = {}
    if flow is not None:
        bad = np.round(_filled(flow) * _filled(wrong) * STEP_S) if wrong is not None else 0 * _filled(flow)
        good = _filled(flow) * STEP_S - bad
        told[f'{requests}{{{label}="{name}",{code}="200"}}'] = np.cumsum(good)
        told[f'{requests}{{{label}="{name}",{code}="500"}}'] = np.cumsum(bad)
        if late is not None:
            told[f'{duration}_sum{{{label}="{name}"}}'] = np.cumsum(_filled(late) * (good + bad) * per_second)
            told[f'{duration}_count{{{label}="{name}"}}'] = np.cumsum(good + bad)
    if cpu is not None:
        told[f'container_cpu_usage_seconds_total{{{label}="{name}"}}'] = np.cumsum(_filled(cpu) * STEP_S)
    if memory is not None:
        told[f'container_memory_working_set_bytes{{{label}="{name}"}}'] = memory
    if busy is not None:
        told[f'node_cpu_idle_ratio{{node="{name}"}}'] = 1 - busy
    if used is not None:
        told[f'node_filesystem_avail_bytes{{node="{name}"}}'] = (1 - used) * 1e11
    return told


def _filled(values: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(values), np.nanmean(values), values)


def _replicated(columns: Columns) -> Columns:
    """Say of each service what three pods of it say; one of them is scaled away in the middle."""
    told: Columns = {}
    middle = len(columns["timestamp"]) // 2
    for name, values in columns.items():
        found = re.search(r'service="([^"]+)"', name)
        for letter in "xyz" if found else "":
            pod = f'pod="{found[1]}-7d9f8c6b5-{letter}2x4z"' if found else ""
            own = values.copy()
            if letter == "z":
                own[middle:] = np.nan
            told[name.replace(found[0], pod) if found else name] = own
        if not found:
            told[name] = values
    return told


def _with_idle(columns: Columns) -> Columns:
    """Add what the processors of each service have left, as node_exporter counts it."""
    told = dict(columns)
    for name, values in columns.items():
        if name.startswith("cpu_usage_cores{"):
            labels = name.partition("{")[2].rstrip("}")
            idle = np.cumsum(np.maximum(4 - _filled(values), 0) * STEP_S)
            told[f'node_cpu_seconds_total{{mode="idle",{labels}}}'] = idle
    return told


_WORDS: Mapping[str, Callable[[Columns], Columns]] = {
    "istio": _counted(
        "destination_workload",
        "istio_requests_total",
        "response_code",
        "istio_request_duration_milliseconds",
        1000,
    ),
    "otel": _counted(
        "service_name",
        "http_server_request_count_total",
        "http_status_code",
        "http_server_duration_milliseconds",
        1000,
    ),
    "micrometer": _counted(
        "application", "http_server_requests_total", "status", "http_server_requests_seconds", 1
    ),
    "kubernetes": _counted("pod", "http_requests_total", "code", "http_request_duration_seconds", 1),
}
_SHAPES: Mapping[str, Callable[[Columns], Columns]] = {"replicas": _replicated, "idle CPU": _with_idle}
DIALECTS = (*_WORDS, *_SHAPES, "callee first", "every 5 s", "every 5 min")


def tell_in(folder: Path, dialect: str) -> None:
    """Rewrite an incident folder."""
    if dialect in _WORDS or dialect in _SHAPES:
        _write(folder, {**_WORDS, **_SHAPES}[dialect](_read(folder)))
    elif dialect == "callee first":
        file = folder / "topology.json"
        topology = json.loads(file.read_text())
        topology["edges"] = [{"from": edge["to"], "to": edge["from"]} for edge in topology["edges"]]
        file.write_text(json.dumps(topology))
    else:
        _stretch(folder, {"every 5 s": 5, "every 5 min": 300}[dialect] / STEP_S)


def _read(folder: Path) -> Columns:
    with (folder / "metrics.csv").open() as stream:
        head, *rows = csv.reader(stream)
    values = np.array([[float(cell) if cell else np.nan for cell in row] for row in rows])
    return {name: values[:, place] for place, name in enumerate(head)}


def _write(folder: Path, columns: Columns) -> None:
    with (folder / "metrics.csv").open("w", newline="") as stream:
        out = csv.writer(stream)
        out.writerow(columns)
        for row in np.array(list(columns.values())).T:
            out.writerow(["" if np.isnan(value) else repr(float(value)) for value in row])


def _stretch(folder: Path, factor: float) -> None:
    columns = _read(folder)
    begin = columns["timestamp"][0]
    columns["timestamp"] = begin + (columns["timestamp"] - begin) * factor
    _write(folder, columns)
    for name in ("logs.jsonl", "events.jsonl"):
        rows = [json.loads(line) for line in (folder / name).read_text().splitlines()]
        moved = ({**row, "timestamp": begin + (row["timestamp"] - begin) * factor} for row in rows)
        (folder / name).write_text("\n".join(json.dumps(row) for row in moved) + "\n")
    incident = json.loads((folder / "incident.json").read_text())
    incident["detected_at"] = begin + (incident["detected_at"] - begin) * factor
    (folder / "incident.json").write_text(json.dumps(incident))
