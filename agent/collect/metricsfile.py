"""A metrics file in, one frame out: CSV, plain or .gz, a column per series named as Prometheus writes it.

The first column is ``timestamp`` (unix seconds or RFC 3339), an empty cell is a missing sample. Rows are put
into the order of their times; of two rows with the same time the later one's samples win. What cannot be
read is refused with file, line and column; what was put right is said in the notes.
"""

from __future__ import annotations

import csv
import gzip
import math
import re
import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import numpy as np

from agent.errors import ConfigError, Problem
from agent.records import FloatArray, Frame, IntArray, Series

_LONGEST_CELL = 1 << 20  # characters; a header cell with many labels is long, a longer one is no metrics file
_NAME = re.compile(r"^(?P<name>[^{}]*)(?:\{(?P<labels>.*)\})?$", re.DOTALL)
_LABEL = re.compile(
    r'\s*(?P<key>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*"(?P<value>(?:[^"\\]|\\.)*)"\s*(?:,|$)', re.DOTALL
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ENTITY_LABELS = ("service", "instance")
_MISSING = {"", "nan", "null", "none"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MetricsFile:
    """What a file holds: its frame, each row's time as it was written, and what had to be put right.

    A series' ``signal`` is its column's whole name.
    """

    frame: Frame
    stamps: Sequence[str]
    notes: Sequence[str] = ()


def read_metrics(path: Path, entity_label: str | None = None) -> MetricsFile:
    """Read a metrics file; ``entity_label`` names the label that tells the entity of a series.

    Without it the entity is the ``service``, else the ``instance``, else the series itself.
    Raises ConfigError.
    """
    try:
        with _opened(path) as text:
            return _Reader(path).read(text, entity_label)
    except OSError as error:  # gzip says that it is no gzip file with one of these too
        raise ConfigError([Problem(path, f"cannot be read: {error.strerror or error}")]) from error
    except (EOFError, zlib.error) as error:
        raise ConfigError([Problem(path, f"is cut off or damaged: {error}")]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([Problem(path, f"is not UTF-8 text: {error.reason}")]) from error


def labels_of(name: str) -> Mapping[str, str] | None:
    """Return the labels of a series' name, or None when the name is malformed.

    >>> labels_of('latency{service="cart",le="0.5"}')
    {'service': 'cart', 'le': '0.5'}
    """
    match = _NAME.match(name)
    if match is None or not (match["name"].strip() or match["labels"]):
        return None
    labels: dict[str, str] = {}
    rest = match["labels"] or ""
    at = 0
    while at < len(rest):
        label = _LABEL.match(rest, at)
        if label is None or label["key"] in labels:
            return None
        labels[label["key"]] = _ESCAPE.sub(lambda m: {"n": "\n"}.get(m[1], m[1]), label["value"])
        at = label.end()
    return labels


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    with path.open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
    if zipped:
        with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as text:
            yield text
    else:
        with path.open(encoding="utf-8-sig", newline="") as text:
            yield text


@dataclass(slots=True)
class _Reader:
    path: Path
    columns: list[str] = field(default_factory=list)
    infinite: int = 0

    def read(self, text: TextIO, entity_label: str | None) -> MetricsFile:
        csv.field_size_limit(_LONGEST_CELL)
        rows = csv.reader(text, strict=True)
        try:
            header = next(rows, [])
            series = self._series(header, entity_label)
            times, stamps, cells = self._body(rows)
        except csv.Error as error:
            raise self._wrong(f"is not well-formed CSV: {error}", rows.line_num) from error
        values = np.frombuffer(cells, np.float64).reshape(len(times), len(series))
        return self._file(np.array(times), stamps, values, series)

    def _series(self, header: Sequence[str], entity_label: str | None) -> list[Series]:
        if not header or header[0].strip() != "timestamp":
            raise self._wrong("the first column must be 'timestamp'", 1)
        self.columns = list(header[1:])
        if not self.columns:
            raise self._wrong("has no series, only timestamps", 1)
        twice = (
            {name for name in self.columns if self.columns.count(name) > 1} if _repeats(self.columns) else ()
        )
        if twice:
            raise self._wrong("is there twice", 1, min(twice))
        return [self._one(name, entity_label) for name in self.columns]

    def _one(self, name: str, entity_label: str | None) -> Series:
        labels = labels_of(name)
        if labels is None:
            raise self._wrong('is no series name; write it as name{label="value"}', 1, name)
        wanted = (entity_label,) if entity_label else _ENTITY_LABELS
        entity = next((labels[label] for label in wanted if labels.get(label)), name)
        return Series(name, entity, labels)

    def _body(self, rows: Iterator[list[str]]) -> tuple[list[float], list[str], array[float]]:
        times: list[float] = []
        stamps: list[str] = []
        cells = array("d")
        width = len(self.columns) + 1
        for row in rows:
            if not row:
                continue
            line = rows.line_num  # type: ignore[attr-defined]
            if len(row) != width:
                raise self._wrong(f"has {len(row)} cells where the header has {width}", line)
            times.append(self._time(row[0], line))
            stamps.append(row[0].strip())
            try:
                cells.extend(map(float, row[1:]))
            except ValueError:
                del cells[(len(times) - 1) * (width - 1) :]
                cells.extend(
                    self._number(cell, name, line) for name, cell in zip(self.columns, row[1:], strict=True)
                )
        return times, stamps, cells

    def _time(self, cell: str, line: int) -> float:
        try:
            at = float(cell)
        except ValueError:
            at = self._moment(cell, line)
        if not math.isfinite(at) or abs(at) > 1e11:  # 1e11 s is the year 5138; larger are milliseconds
            raise self._wrong(f"{cell[:40]!r} is no time in unix seconds", line, "timestamp")
        return at

    def _moment(self, cell: str, line: int) -> float:
        try:
            moment = datetime.fromisoformat(cell.strip())
        except ValueError:
            raise self._wrong(
                f"{cell[:40]!r} is neither unix seconds nor RFC 3339", line, "timestamp"
            ) from None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()

    def _number(self, cell: str, name: str, line: int) -> float:
        try:
            return float(cell)
        except ValueError:
            if cell.strip().lower() in _MISSING:
                return math.nan
            raise self._wrong(f"{cell[:40]!r} is no number", line, name) from None

    def _file(
        self, times: FloatArray, stamps: Sequence[str], values: FloatArray, series: Sequence[Series]
    ) -> MetricsFile:
        infinite = int(np.isinf(values).sum())
        notes = [f"{infinite} infinite values are taken as missing"] if infinite else []
        if (np.diff(times) < 0).any():
            notes.append("rows were not in the order of their times; they are put into it")
        order = np.argsort(times, kind="stable")
        kept, merged = _merged(np.where(np.isfinite(values), values, np.nan)[order], times[order])
        if len(kept) < len(times):
            notes.append(
                f"{len(times) - len(kept)} rows had the time of another one; the later samples count"
            )
        rows: dict[str, IntArray] = {one.signal: np.array([row]) for row, one in enumerate(series)}
        ascending = times[order][kept]
        frame = Frame(
            at=datetime.fromtimestamp(ascending[-1] if len(kept) else 0.0, UTC),
            times=ascending,
            values=np.ascontiguousarray(merged.T),
            series=series,
            rows=rows,
            answered=frozenset(rows),
        )
        return MetricsFile(frame=frame, stamps=[stamps[order[row]] for row in kept], notes=notes)

    def _wrong(self, message: str, line: int, key: str = "") -> ConfigError:
        return ConfigError([Problem(self.path, message, line=line, key=key[:200])])


def _repeats(names: Sequence[str]) -> bool:
    return len(set(names)) < len(names)


def _merged(values: FloatArray, times: FloatArray) -> tuple[IntArray, FloatArray]:
    """Return the last row of each time, and the values, its gaps filled from rows of the same time."""
    last = np.append(np.diff(times) > 0, True) if len(times) else np.empty(0, bool)
    kept = np.flatnonzero(last)
    if len(kept) == len(times):
        return kept, values
    for row in range(1, len(times)):
        if times[row] == times[row - 1]:
            values[row] = np.where(np.isnan(values[row]), values[row - 1], values[row])
    return kept, values[kept]
