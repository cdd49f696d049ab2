"""A pattern of incidents in, the draft of a rule that finds it out: by its alerts, or by how far signals go.

A bound lies half way between the farthest that a signal went in healthy time and the least that it was in the
incidents. A signal of which the one reaches into the other tells nothing, and is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from agent.config.rulefiles import Rulebook
from agent.config.scalars import format_duration
from agent.errors import OpsmendError
from agent.instance import with_host
from agent.learn.recurring import NEARLY_ALL
from agent.placeholders import fill, names
from agent.records import Alert
from agent.workshop.healthytime import HealthyRange
from agent.workshop.patterns import Pattern, symptoms_of
from agent.workshop.ruledraft import AlertExample, Draft, draft_rule, dump, identifier

_FOR = timedelta(minutes=5)
_MOST_CONDITIONS = 4
_LONGEST_ID = 50
_HEAD = """\
# A draft from incidents that nobody could name. Look at entity, bounds and confidence, give it a better name,
# and write a remediation that fixes it.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalBound:
    """How far a signal goes in a pattern and never in healthy time."""

    signal: str
    direction: str  # high, low
    bound: float
    weakest: float  # of the incidents
    farthest: float  # of healthy time


def alerts_of(pattern: Pattern) -> list[str]:
    """Return the alerts that the draft of a pattern asks for."""
    return pattern.sources("alert")[:_MOST_CONDITIONS]


def draft_pattern(
    pattern: Pattern, book: Rulebook, newest: Mapping[str, Alert], healthy: Mapping[str, HealthyRange]
) -> tuple[Draft, tuple[SignalBound, ...]]:
    """Return a draft, and the bounds that it rests on where it is about signals.

    ``newest`` are the pattern's alerts as they last fired. Raises OpsmendError where nothing tells the
    pattern from healthy time, or from what another rule takes.
    """
    fault = pattern.called or None
    alerts = alerts_of(pattern)
    if alerts:
        example = _example(alerts[0], pattern, newest)
        called = identifier(example.name)
        # a fault that is called so already has remediations that nobody has seen help here
        new = _free_id(called, book) if fault is None and called in book.faults else None
        return draft_rule(example, book, fault, also=alerts[1:], new=new), ()
    bounds = tuple(_bounds(pattern, healthy))
    if not bounds:
        raise OpsmendError(_why_no_bound(pattern, healthy))
    return _draft(pattern, book, bounds, fault), bounds


def _example(name: str, pattern: Pattern, newest: Mapping[str, Alert]) -> AlertExample:
    """Return an alert with the labels that it had whenever it fired, as it last did."""
    seen = [
        one.labels
        for incident in pattern.incidents
        for one in symptoms_of(incident)
        if one.kind == "alert" and one.source == name
    ]
    common = set.intersection(*map(set, seen)) if seen else set()
    labels = {key: value for key, value in (seen[-1] if seen else {}).items() if key in common}
    return AlertExample(
        name=name, labels=labels, annotations=newest[name].annotations if name in newest else {}
    )


def _bounds(pattern: Pattern, healthy: Mapping[str, HealthyRange]) -> Iterable[SignalBound]:
    for direction in ("high", "low"):
        for signal in pattern.sources(direction):
            weakest = _weakest(pattern, signal, direction)
            if weakest is None or signal not in healthy:
                continue
            farthest = healthy[signal].high if direction == "high" else healthy[signal].low
            beyond = weakest > farthest if direction == "high" else weakest < farthest
            bound = float(f"{(weakest + farthest) / 2:.3g}")
            if not min(weakest, farthest) < bound < max(weakest, farthest):
                bound = (weakest + farthest) / 2
            if beyond and min(weakest, farthest) < bound < max(weakest, farthest):
                yield SignalBound(
                    signal=signal, direction=direction, bound=bound, weakest=weakest, farthest=farthest
                )


def _weakest(pattern: Pattern, signal: str, direction: str) -> float | None:
    """Return of the farthest that a signal was in each incident the least; None where few have a number."""
    pick, last = (max, min) if direction == "high" else (min, max)
    farthest = []
    for incident in pattern.incidents:
        values = [
            one.value
            for one in symptoms_of(incident)
            if one.source == signal and one.direction == direction and one.value is not None
        ]
        if values:
            farthest.append(pick(values))
    return last(farthest) if len(farthest) >= NEARLY_ALL * len(pattern.past) else None


def _why_no_bound(pattern: Pattern, healthy: Mapping[str, HealthyRange]) -> str:
    signals = [*pattern.sources("high"), *pattern.sources("low")]
    if not signals:
        return "they share no alert, and no signal of which it is known in which direction it went"
    unknown = [one for one in signals if one not in healthy]
    if len(unknown) == len(signals):
        return f"too little healthy time of {', '.join(unknown)} is remembered to tell it from that"
    return f"{', '.join(signals)} went as far in healthy time"


def _draft(pattern: Pattern, book: Rulebook, bounds: Sequence[SignalBound], fault: str | None) -> Draft:
    bounds = bounds[:_MOST_CONDITIONS]
    known = {book.signals[one.signal].entity for one in bounds}
    entity = known.pop() if len(known) == 1 else "{host}"
    id_ = _id(bounds, book)
    rule = {
        "id": f"{id_}_by_signals",
        "fault": fault or id_,
        "entity": entity,
        "confidence": 0.8,
        "when": {"all": [_condition(one) for one in bounds]},
        "evidence": f"{', '.join(_words(one) for one in bounds)} of {entity}, as in incidents before",
    }
    files = {
        Path("diagnosis") / f"{id_}.yml": dump("rules", [rule], _HEAD),
        Path("tests") / f"{id_}.yml": dump("tests", [_story(rule, entity, bounds)]),
    }
    notes = ["it asks for what the incidents share; their numbers are as they were at the last look"]
    if fault is None:
        told = ", ".join(_words(one) for one in bounds)
        entry = {"id": id_, "summary": f"Came again and again, and nobody named it yet: {told}"}
        files[Path("faults") / f"{id_}.yml"] = dump(
            "faults", [{**entry, "severity": "warning", "for_people": True}]
        )
        notes.append("the fault is for people until 'for_people' goes and a remediation fixes it")
    else:
        notes.append(f"people said that it was {fault}: what fixes that may be run for it")
    return Draft(files=files, notes=tuple(notes))


def _id(bounds: Sequence[SignalBound], book: Rulebook) -> str:
    return _free_id("_".join(one.signal for one in bounds), book)


def _free_id(about: str, book: Rulebook) -> str:
    """Return a name for a fault that is neither one's nor that of a rule's draft."""
    base = f"recurring_{about}"[:_LONGEST_ID].rstrip("_")
    drafted = (rule.removesuffix("_by_signals").removesuffix("_by_alert") for rule in book.rules)
    taken = {*book.faults, *drafted}
    return next(one for number in range(1000) if (one := f"{base}_{number}" if number else base) not in taken)


def _words(one: SignalBound) -> str:
    return f"{one.signal} {'above' if one.direction == 'high' else 'below'} {one.bound:g}"


def _condition(one: SignalBound) -> dict[str, Any]:
    word = "above" if one.direction == "high" else "below"
    return {"signal": one.signal, word: one.bound, "for": format_duration(_FOR)}


def _story(rule: Mapping[str, Any], entity: str, bounds: Sequence[SignalBound]) -> dict[str, Any]:
    """Return samples as they were in the incidents on one entity, and as in healthy time on another."""
    who, other = _labels(entity, 1), _labels(entity, 2)
    series = []
    for one in bounds:
        for labels, value in ((who, one.weakest), (other, one.farthest)):
            inner = ",".join(f'{name}="{said}"' for name, said in labels.items())
            series.append({"series": f"{one.signal}{{{inner}}}", "values": f"{value!r}x9"})
    found = {"fault": rule["fault"], "entity": fill(entity, with_host(who)), "rules": [rule["id"]]}
    return {
        "name": "what was seen in the incidents, and healthy time beside it",
        "interval": "1m",
        "series": series,
        "expect": [{"at": "2m", "incidents": []}, {"at": "8m", "incidents": [found]}],
    }


def _labels(entity: str, number: int) -> dict[str, str]:
    own = {name: f"{name}{number}" for name in names(entity) if name not in ("host", "port", "instance")}
    return {"instance": f"web{number}:9100", **own}
