"""A CSV file of series in, a ``SeriesTable`` out.

First column ``timestamp`` (unix seconds or RFC 3339), then one column per series, named as Prometheus
writes it; an empty cell is a missing sample. Plain or .gz.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
import re
import zlib
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from agent.errors import ConfigError, Problem
from agent.meaning.workload import POD_LABELS, replicas_in
from agent.records.evidence import SeriesTable
from agent.records.metrics import FloatArray

ENTITY_LABELS = ("service", "instance")
# what else may name an entity: Istio, OpenTelemetry, Micrometer, kube-state-metrics, cAdvisor, exporters
FURTHER_LABELS = (
    "destination_workload", "workload", "deployment", "statefulset", "daemonset", "pod", "pod_name",
    "kubernetes_pod_name", "destination_canonical_service", "destination_service_name", "service_name",
    "application", "app",
    "app_kubernetes_io_name", "container", "container_name", "node", "nodename", "host", "hostname",
    "destination_service", "namespace", "job",
)  # fmt: skip
_MOST_BYTES = 2_000_000_000  # a .gz of a few MB may unpack to anything
_SERIES = re.compile(r"^\s*(?P<name>[^{]*?)\s*(?:\{(?P<labels>.*)\}\s*)?$", re.DOTALL)
_LABEL = re.compile(r'\s*([A-Za-z_][A-Za-z0-9_.]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')
_MISSING = frozenset({"", "nan", "null", "none"})
_ESCAPES = {"\\n": "\n", '\\"': '"', "\\\\": "\\"}


def read_bytes(path: Path) -> bytes:
    """Return a file's content, unpacked when it is gzip. Raises ConfigError."""
    try:
        raw = path.read_bytes()
        if raw[:2] != b"\x1f\x8b":
            return raw
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as stream:
            content = stream.read(_MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigError([Problem(path, f"cannot be read: {error}")]) from error
    if len(content) > _MOST_BYTES:
        raise ConfigError([Problem(path, f"unpacks to more than {_MOST_BYTES} bytes")])
    return content


def read_time(text: str) -> float:
    """Return unix seconds of a number or an RFC 3339 time. Raises ValueError."""
    text = text.strip()
    try:
        seconds = float(text)
    except ValueError:
        at = datetime.fromisoformat(text)
        seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    if not math.isfinite(seconds):
        raise ValueError(f"'{text}' is no time")
    return seconds


def parse_series(text: str) -> tuple[str, dict[str, str]]:
    """Return the name and labels of a series as Prometheus writes it. Raises ValueError.

    >>> parse_series('latency{service="cart",le="+Inf"}')
    ('latency', {'service': 'cart', 'le': '+Inf'})
    """
    match = _SERIES.match(text)
    if not match:
        raise ValueError(f"'{text[:80]}' is no series name")
    body, labels, at = match["labels"] or "", {}, 0
    while at < len(body):
        pair = _LABEL.match(body, at)
        if not pair:
            raise ValueError(f"'{text[:80]}' is no series name: cannot read '{body[at : at + 40]}'")
        labels[pair[1]] = re.sub(r"\\.", lambda m: _ESCAPES.get(m[0], m[0]), pair[2])
        at = pair.end()
    return match["name"] or labels.get("__name__", ""), labels


def read_series(
    path: Path, entity_label: str | None = None, known: Collection[str] = ()
) -> tuple[SeriesTable, list[str]]:
    """Read a file; return the table, and notes on what was odd but could be read.

    The entity of a series is what ``entity_label`` says, else its service, else the workload that its pod is
    a replica of, unless only the pod is ``known``; else its instance; else, of all labels that may name one,
    the first whose value is ``known``, or the first there is.

    Raises ConfigError with file, line and column for everything else.
    """
    text = read_bytes(path).decode("utf-8-sig", errors="replace")
    head, _, body = text.partition("\n")
    header = next(csv.reader([head.rstrip("\r")]), [])
    if not header or header[0].strip() != "timestamp":
        raise ConfigError([Problem(path, "the first column must be 'timestamp'", 1)])
    names, labels = _read_header(path, header[1:])
    times, values = _read_rows(path, body, len(names), header)
    times, values, clocked, notes = _put_in_order(path, times, values)
    chosen = (entity_label,) if entity_label else ENTITY_LABELS
    pods = (own[label] for own in labels for label in POD_LABELS if own.get(label))
    replicas = {} if entity_label else replicas_in(pods)
    entities = [_entity(name, own, chosen, known, replicas) for name, own in zip(names, labels, strict=True)]
    table = SeriesTable(
        times=times, names=names, entities=entities, labels=labels, values=values.T, clocked=clocked
    )
    return table, notes


def _entity(
    name: str,
    labels: Mapping[str, str],
    chosen: Sequence[str],
    known: Collection[str],
    replicas: Mapping[str, str],
) -> str:
    workload = next((replicas[labels[one]] for one in POD_LABELS if labels.get(one) in replicas), None)
    own = [label for label in chosen if workload is None or label != "instance"]
    said = next((labels[label] for label in own if labels.get(label)), None)
    if said is not None:
        return said
    further = [] if chosen != ENTITY_LABELS else [labels[one] for one in FURTHER_LABELS if labels.get(one)]
    candidates = [workload, *further] if workload is not None else further
    # a series that says nothing about its entity is one of its own, rather than lost
    return next((one for one in candidates if one in known), next(iter(candidates), name))


def _read_header(path: Path, columns: Sequence[str]) -> tuple[list[str], list[dict[str, str]]]:
    problems: list[Problem] = []
    names: list[str] = []
    labels: list[dict[str, str]] = []
    if len(set(columns)) != len(columns):
        twice = next(column for column in columns if columns.count(column) > 1)
        problems.append(Problem(path, f"two columns are named '{twice[:80]}'", 1))
    for column in columns:
        try:
            name, own = parse_series(column)
        except ValueError as error:
            problems.append(Problem(path, str(error), 1))
            continue
        names.append(name)
        labels.append(own)
    if problems:
        raise ConfigError(problems[:20])
    return names, labels


def _read_rows(path: Path, body: str, width: int, header: Sequence[str]) -> tuple[FloatArray, FloatArray]:
    times: list[float] = []
    rows: list[FloatArray] = []
    for number, line in enumerate(io.StringIO(body), start=2):
        line = line.rstrip("\r\n")
        if not line.strip():
            continue
        stamp, _, cells = line.partition(",")
        if '"' in line:
            parts = next(csv.reader([line]))
            stamp, cells = parts[0], ",".join(parts[1:])
        try:
            times.append(read_time(stamp))
        except (ValueError, OverflowError) as error:
            raise ConfigError([Problem(path, f"'{stamp[:40]}' is no time", number, "timestamp")]) from error
        rows.append(_read_cells(path, cells, width, number, header))
    if not rows:
        return np.empty(0), np.empty((0, width))
    values = np.vstack(rows)
    values[~np.isfinite(values)] = np.nan
    return np.array(times), values


def _read_cells(path: Path, cells: str, width: int, number: int, header: Sequence[str]) -> FloatArray:
    """Return one row's numbers; the fast way first, cell by cell only to find a mistake."""
    if width == 0 and not cells:
        return np.empty(0)
    parts = cells.split(",")
    if len(parts) != width:
        raise ConfigError([Problem(path, f"has {len(parts) + 1} cells instead of {width + 1}", number)])
    try:
        return np.array([part or "nan" for part in parts], dtype=np.float64)
    except ValueError:
        return np.array([_cell(path, part, number, header[i + 1]) for i, part in enumerate(parts)])


def _cell(path: Path, part: str, number: int, column: str) -> float:
    try:
        return math.nan if part.strip().lower() in _MISSING else float(part)
    except ValueError as error:
        raise ConfigError([Problem(path, f"'{part[:40]}' is no number", number, column[:80])]) from error


def _put_in_order(
    path: Path, times: FloatArray, values: FloatArray
) -> tuple[FloatArray, FloatArray, bool, list[str]]:
    if len(times) < 2:
        return times, values, True, []
    if np.ptp(times) == 0:
        note = f"{path.name}: all rows have the same timestamp; read in the order they stand in"
        return np.arange(len(times), dtype=float), values, False, [note]
    notes: list[str] = []
    if np.any(np.diff(times) < 0):
        order = np.argsort(times, kind="stable")
        times, values = times[order], values[order]
        notes.append(f"{path.name}: rows were out of order and have been sorted")
    last = np.r_[np.diff(times) > 0, True]
    if not last.all():
        notes.append(f"{path.name}: {int((~last).sum())} rows repeat a timestamp; the last of each is kept")
        times, values = times[last], values[last]
    return times, values, True, notes
