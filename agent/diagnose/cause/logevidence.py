"""Log lines in, what each entity complained about, since when, and whom it blames out."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from agent.diagnose.cause.logshapes import SPAN_S, Counted, LogShapes, Shape
from agent.records.metrics import FloatArray

_TALKATIVE = 200  # kinds; from somebody who never says the same twice a new one means nothing
_SPLITS = 7  # moments around the beginning that are tried: metrics place it only to a sample
_SURE = 6.0  # digits; more proves nothing more
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


@dataclass(frozen=True, slots=True)
class Complaint:
    """Lines of one entity that read alike: how many before and since it began, and whom they name.

    ``usual`` are the lines that were to be expected since then, ``digits`` how surprising their count is.
    """

    entity: str
    text: str
    weight: float
    before: int = 0
    since: int = 0
    usual: float = 0.0
    digits: float = 0.0
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
    """Return the weight of the lines beyond what was usual, as far as their number proves anything."""
    proven = 1 - 10 ** -min(complaint.digits, _SURE)
    by_chance = complaint.usual + np.sqrt(complaint.usual)
    return float(complaint.weight * max(0.0, complaint.since - by_chance) * proven)


def read_logs(shapes: LogShapes, times: FloatArray, start: int, clocked: bool = True) -> LogEvidence:
    """Tell complaints from what is usual, along ``times``; ``start`` is the incident's column."""
    placed = clocked and len(times) > 0
    kinds = Counter(one.entity for one in shapes.shapes if one.ordinary)
    # of somebody who wrote nothing before it is not known what is ordinary
    heard = {one.entity for one in shapes.shapes if placed and min(one.times) < times[start]}
    complaints: dict[str, list[Complaint]] = defaultdict(list)
    profiles: dict[str, FloatArray] = {}
    for shape in shapes.shapes:
        counted = _count(shapes, shape, times, start) if placed else Counted(sum(shape.lines), 0, 0.0, _SURE)
        talkative = kinds[shape.entity] > _TALKATIVE or shape.entity not in heard
        if shape.ordinary and (counted.before or talkative):
            continue
        complaints[shape.entity].append(_complaint(shape, counted))
        if counted.digits > 0:
            profile = profiles.setdefault(shape.entity, np.zeros(len(times)))
            profile += shape.weight * (_along(shape, times) if placed else sum(shape.lines))
    for theirs in complaints.values():
        theirs.sort(key=lambda one: -_new_weight(one))
    return LogEvidence(profiles=profiles, complaints=dict(complaints))


def _count(shapes: LogShapes, shape: Shape, times: FloatArray, start: int) -> Counted:
    """Count from the moment around the beginning that surprises most; the choice is paid for."""
    step = float(np.median(np.diff(times))) if len(times) > 1 else SPAN_S
    moments = float(times[start]) + np.linspace(-step, step, _SPLITS)
    best = max((shapes.count(shape, float(at)) for at in moments), key=lambda one: one.digits)
    cost = min(float(np.log10(_SPLITS)) / 2, best.digits / 2)
    return replace(best, digits=best.digits - cost)


def _complaint(shape: Shape, counted: Counted) -> Complaint:
    return Complaint(
        entity=shape.entity,
        text=shape.text,
        weight=shape.weight,
        before=counted.before,
        since=counted.since,
        usual=counted.usual,
        digits=counted.digits,
        names=shape.names,
        caller_gave_up=bool(_CALLER_GAVE_UP.search(shape.text)),
        blames_others=bool(_BLAMES_OTHERS.search(shape.text)),
    )


def _along(shape: Shape, times: FloatArray) -> FloatArray:
    """Return the lines of a shape in each column."""
    counts = np.zeros(len(times))
    columns = np.searchsorted(times, shape.times, side="right") - 1
    inside = np.isfinite(shape.times) & (columns >= 0)
    np.add.at(counts, columns[inside], np.array(shape.lines, dtype=float)[inside])
    return counts
