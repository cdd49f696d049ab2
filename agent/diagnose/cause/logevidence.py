"""Log lines in, what each entity complained about, since when, and whom it blames out."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from agent.records.evidence import LogEntry
from agent.records.metrics import FloatArray

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
_NOVEL = 0.1  # weight of an ordinary line of a kind that its entity never wrote before
_TALKATIVE = 200  # kinds; from somebody who never says the same twice a new one means nothing
# the other side gave up: what is logged here is an effect of what the caller did
_CALLER_GAVE_UP = re.compile(
    r"(?:cancel+ed by (?:the )?(?:client|caller|peer)|client (?:disconnected|closed|cancel+ed|gave up)|"
    r"broken pipe|connection reset by (?:peer|client)|request (?:was )?cancel+ed)",
    re.IGNORECASE,
)
# it says itself that what it depends on is at fault, but not who
_BLAMES_OTHERS = re.compile(
    r"\b(?:upstreams?|downstream|dependency|remote (?:host|service|server)|deadline(?: was)? exceeded|"
    r"(?:connection|connect|read|call|request|rpc|query) (?:timed? ?out|refused)|timeout (?:calling|waiting)|"
    r"no route to host|name resolution|bad gateway|service unavailable|gateway time-?out)\b",
    re.IGNORECASE,
)
_VARIABLE = re.compile(r"0x[0-9a-fA-F]+|[0-9a-fA-F]{8,}|\d+")
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]+")
_MOST_SHAPES = 20_000  # kept apart; a flood of shapes that never repeat says nothing more


@dataclass(slots=True)
class Complaint:
    """Lines of one entity that read alike: how many before and since it began, and whom they name."""

    entity: str
    text: str
    weight: float
    before: int = 0
    since: int = 0
    names: tuple[str, ...] = ()
    caller_gave_up: bool = False
    blames_others: bool = False

    @property
    def own(self) -> bool:
        """Return whether nobody else is blamed in it."""
        return not (self.names or self.caller_gave_up or self.blames_others)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LogEvidence:
    """What the logs say. ``profiles`` are weighted complaints per time column and entity."""

    profiles: Mapping[str, FloatArray] = field(default_factory=dict)
    complaints: Mapping[str, Sequence[Complaint]] = field(default_factory=dict)

    def own_share(self, entity: str) -> float:
        """Return which share of what an entity complains about since the beginning blames nobody else."""
        return self._share(entity, lambda one: one.own)

    def caller_share(self, entity: str) -> float:
        """Return which share of an entity's complaints says that its caller gave up."""
        return self._share(entity, lambda one: one.caller_gave_up)

    def others_share(self, entity: str) -> float:
        """Return which share of an entity's complaints blames what it depends on, without a name."""
        return self._share(entity, lambda one: one.blames_others and not one.names)

    def _share(self, entity: str, chosen: Callable[[Complaint], bool]) -> float:
        complaints = self.complaints.get(entity, ())
        total = sum(_new_weight(one) for one in complaints)
        return sum(_new_weight(one) for one in complaints if chosen(one)) / total if total else 0.0

    def blamed_by(self, entity: str) -> dict[str, float]:
        """Return which share of an entity's complaints names each other entity."""
        total = sum(_new_weight(one) for one in self.complaints.get(entity, ()))
        shares: dict[str, float] = defaultdict(float)
        for one in self.complaints.get(entity, ()):
            for name in one.names:
                shares[name] += _new_weight(one) / len(one.names) / total if total else 0.0
        return dict(shares)


def _new_weight(complaint: Complaint) -> float:
    """Return the weight of the lines beyond what was usual before."""
    return complaint.weight * max(0, complaint.since - complaint.before)


def read_logs(
    lines: Sequence[LogEntry], times: FloatArray, start: int, entities: Iterable[str], clocked: bool = True
) -> LogEvidence:
    """Sort log lines into complaints and count them along ``times``; ``start`` is the incident's column."""
    known = {entity.lower(): entity for entity in entities}
    known.update({line.entity.lower(): line.entity for line in lines if line.entity})
    profiles: dict[str, FloatArray] = {}
    shapes: dict[tuple[str, str], Complaint] = {}
    usual: dict[str, set[str]] = defaultdict(set)
    placed = clocked and len(times) > 0
    begins_at = times[start] if placed else -np.inf
    ends_at = times[-1] + (times[-1] - times[-2] if len(times) > 1 else np.inf) if placed else np.inf
    for line in lines:
        if not line.entity or line.at > ends_at:
            continue
        since = not line.at < begins_at  # a line that does not say when counts as well
        weight = _weigh(line) or _weigh_novelty(line, since, usual[line.entity])
        if not weight:
            continue
        complaint = _shape(line, weight, known, shapes)
        complaint.since += line.lines * since
        complaint.before += line.lines * (not since)
        column = int(np.searchsorted(times, line.at, side="right")) - 1 if placed else start
        if 0 <= column < len(times):
            profile = profiles.setdefault(line.entity, np.zeros(len(times)))
            profile[column] += weight * line.lines
    found: dict[str, list[Complaint]] = defaultdict(list)
    for complaint in shapes.values():
        found[complaint.entity].append(complaint)
    for complaints in found.values():
        complaints.sort(key=lambda one: -_new_weight(one))
    return LogEvidence(profiles=profiles, complaints=dict(found))


def _weigh(line: LogEntry) -> float:
    weight = _LEVELS.get(line.level)
    if weight is not None:
        return weight
    if line.level in ("DEBUG", "TRACE"):
        return 0.0
    return _LEVELLESS if _COMPLAINT.search(line.message) else 0.0


def _weigh_novelty(line: LogEntry, since: bool, usual: set[str]) -> float:
    """Return the weight of an ordinary line: a little, when its entity never wrote its like before."""
    shape = _VARIABLE.sub("#", line.message[:300])
    if not since:
        if len(usual) < _MOST_SHAPES:
            usual.add(shape)
        return 0.0
    return _NOVEL if usual and shape not in usual and len(usual) < _TALKATIVE else 0.0


def _shape(
    line: LogEntry, weight: float, known: Mapping[str, str], shapes: dict[tuple[str, str], Complaint]
) -> Complaint:
    shape = _VARIABLE.sub("#", line.message[:300])
    key = (line.entity, shape if len(shapes) < _MOST_SHAPES else "")
    complaint = shapes.get(key)
    if complaint is None:
        complaint = shapes[key] = Complaint(line.entity, line.message[:200], weight)
        complaint.names = _named(line, known)
        complaint.blames_others = bool(_BLAMES_OTHERS.search(line.message))
        complaint.caller_gave_up = bool(_CALLER_GAVE_UP.search(line.message))
    return complaint


def _named(line: LogEntry, known: Mapping[str, str]) -> tuple[str, ...]:
    tokens = Counter(token.lower().rstrip(".-") for token in _TOKEN.findall(line.message))
    named = (known.get(token) for token in tokens)
    return tuple(dict.fromkeys(name for name in named if name and name != line.entity))
