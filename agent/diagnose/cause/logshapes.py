"""Log lines in, by entity the kinds of lines that read alike, and how surprising the count of each is out.

A count says as much as how long and how often lines of its kind came before: nothing in two minutes is no
proof that they are new, nothing in an hour is.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from agent.records.evidence import LogEntry
from agent.records.metrics import FloatArray

SPAN_S = 10.0  # lines within a span belong together: a burst of them is one event, written in many lines
_LEVELS: Mapping[str, float] = {
    "FATAL": 1.5, "CRITICAL": 1.5, "CRIT": 1.5, "EMERG": 1.5, "ALERT": 1.5, "PANIC": 1.5, "SEVERE": 1.0,
    "ERROR": 1.0, "ERR": 1.0, "WARNING": 0.4, "WARN": 0.4,
}  # fmt: skip
_COMPLAINT = re.compile(
    r"\b(?:error|exception|fail(?:ed|ure|s)?|fatal|panic|refused|denied|timed? ?out|timeout|oom|killed|"
    r"traceback|unavailable|no space left|cannot|unable)\b",
    re.IGNORECASE,
)
_LEVELLESS = 0.3  # weight of a line without a bad level that reads like a complaint
ORDINARY = 0.1  # weight of a line that complains of nothing: it tells only when it is new
# whatever holds a digit varies: numbers, times, identifiers, and the pieces of them between dashes
_VARIABLE = re.compile(r"\b[0-9a-fA-F]{8,}\b|[\w.:+]*\d[\w.:+]*(?:-[\w.:+]*\d[\w.:+]*|-[0-9a-fA-F]{4,12}\b)*")
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]+")
_MOST_SHAPES = 20_000  # kept apart; a flood of shapes that never repeat says nothing more


@dataclass(slots=True)
class Shape:
    """Lines of one entity that read alike; ``times`` are unix seconds, NaN where a line does not say."""

    entity: str
    text: str
    weight: float
    names: tuple[str, ...] = ()
    times: list[float] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    @property
    def ordinary(self) -> bool:
        """Return whether it complains of nothing."""
        return self.weight <= ORDINARY


@dataclass(frozen=True, slots=True)
class Counted:
    """Lines of a shape since a moment and before it, and how many were to be expected since.

    ``digits`` is minus the decimal logarithm of how likely as many are, when nothing has changed.
    """

    since: int
    before: int
    usual: float
    digits: float


class LogShapes:
    """All shapes, and of which spans of time lines are known at all.

    ``known_from`` is since when the logs are read without a gap, ``until`` up to when (unix seconds); without
    them only spans in which anybody wrote anything are known.
    """

    def __init__(
        self, shapes: Sequence[Shape], known_from: float | None = None, until: float = np.inf
    ) -> None:
        self.shapes = shapes
        times = np.array([at for one in shapes for at in one.times])
        times = times[np.isfinite(times)]
        self._spans = np.unique(times // SPAN_S)
        if known_from is not None and len(self._spans):
            last = until // SPAN_S if np.isfinite(until) else self._spans[-1]
            self._spans = np.arange(min(known_from // SPAN_S, self._spans[0]), last + 1)
        self._of: dict[int, tuple[FloatArray, FloatArray]] = {}

    def count(self, shape: Shape, since: float) -> Counted:
        """Return how many lines came since a moment (unix seconds), and how surprising that is."""
        spans, lines = self._counts(shape)
        edge = since // SPAN_S
        after, before = float((self._spans >= edge).sum()), float((self._spans < edge).sum())
        late = ~(spans < edge)  # a line that does not say when counts as well
        bursts = np.sqrt(lines)
        share = (after + 0.5) / (after + before + 1.5)
        return Counted(
            since=int(lines[late].sum()),
            before=int(lines[~late].sum()),
            usual=float(lines[~late].sum()) * after / max(before, 1.0),
            digits=_digits(float(bursts[late].sum()), float(bursts[~late].sum()), share),
        )

    def _counts(self, shape: Shape) -> tuple[FloatArray, FloatArray]:
        known = self._of.get(id(shape))
        if known is None:
            per: dict[float, float] = defaultdict(float)
            for at, lines in zip(shape.times, shape.lines, strict=True):
                per[at // SPAN_S if np.isfinite(at) else np.inf] += lines
            known = self._of[id(shape)] = np.array(list(per)), np.array(list(per.values()), dtype=float)
        return known


def gather_shapes(
    lines: Iterable[LogEntry],
    entities: Iterable[str],
    until: float = np.inf,
    known_from: float | None = None,
    begin: float | None = None,
) -> LogShapes:
    """Put lines that read alike together; later ones than ``until`` are left out.

    Lines that all complain are a selection: where there are none nobody complained, from ``begin`` on.
    """
    lines = [line for line in lines if line.entity and not line.at > until]
    known = {entity.lower(): entity for entity in entities}
    known.update({line.entity.lower(): line.entity for line in lines})
    shapes: dict[tuple[str, str], Shape] = {}
    for line in lines:
        text = _VARIABLE.sub("#", line.message[:300])
        key = (line.entity, text if len(shapes) < _MOST_SHAPES else "")
        shape = shapes.get(key)
        if shape is None:
            shape = Shape(line.entity, line.message[:200], ORDINARY, _named(line, known))
            shapes[key] = shape
        shape.weight = max(shape.weight, _weigh(line))
        shape.times.append(line.at)
        shape.lines.append(line.lines)
    if known_from is None and not any(shape.ordinary for shape in shapes.values()):
        known_from = begin
    return LogShapes(list(shapes.values()), known_from, until)


def _weigh(line: LogEntry) -> float:
    weight = _LEVELS.get(line.level)
    if weight is not None:
        return weight
    if line.level in ("DEBUG", "TRACE"):
        return 0.0
    return _LEVELLESS if _COMPLAINT.search(line.message) else 0.0


def _named(line: LogEntry, known: Mapping[str, str]) -> tuple[str, ...]:
    tokens = Counter(token.lower().rstrip(".-") for token in _TOKEN.findall(line.message))
    named = (known.get(token) for token in tokens)
    return tuple(dict.fromkeys(name for name in named if name and name != line.entity))


def _digits(since: float, before: float, share: float) -> float:
    """Return minus the logarithm of a binomial tail, by its Chernoff bound."""
    total = since + before
    if total <= 0 or since <= share * total:
        return 0.0
    part = since / total
    rest = (1 - part) * np.log((1 - part) / (1 - share)) if part < 1 else 0.0
    return float(total * (part * np.log(part / share) + rest) / np.log(10))
