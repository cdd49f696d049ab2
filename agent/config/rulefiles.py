"""``rules/``: signals, the fault catalogue and the diagnosis rules, read and checked as one book.

Several folders may be given; a later one adds to the earlier or replaces entries of the same id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field, field_validator, model_validator

from agent.config.conditions import (
    WITHOUT_QUERY,
    Condition,
    ForecastCondition,
    SignalCondition,
    finds,
    leaves,
    mixes,
)
from agent.config.promql import check_promql
from agent.config.scalars import Confidence, Identifier, Patterns, Text
from agent.config.valid import Bounds, ValidRange, bounds_of
from agent.config.yamlfile import Document, KeyPath, Strict, read_yaml, validate
from agent.errors import ConfigError, Problem
from agent.placeholders import PLACEHOLDER, names
from agent.quantity import STYLES

Role = Literal["traffic", "errors", "latency", "saturation", "availability"]


class Combine(Strict):
    """Series that share some labels are one: what they share, with one value, or the first of them.

    Labels are compared after ``host`` and ``port`` were read from the instance, which PromQL cannot do.
    """

    by: list[Identifier] = Field(min_length=1, description="labels that make one series of several")
    take: Literal["max", "min", "sum", "first"] = Field(
        description="what becomes of the values; first: the series whose other labels are shortest, as it is"
    )
    where: Patterns = Field(
        default_factory=dict, description="label: regular expression; other series stay as they are"
    )


class Signal(Strict):
    """A named PromQL expression that the agent watches."""

    id: Identifier
    summary: Text
    query: str = Field(min_length=1, max_length=10_000)
    unit: str = Field(default="", max_length=32)
    valid: ValidRange | None = Field(
        default=None, description="what a value can be, where the unit does not say; others are no samples"
    )
    combine: Combine | None = None
    role: Role
    bad: Literal["low", "high", "both", "none"] = "both"
    tolerance: float = Field(
        default=0.0,
        ge=0,
        description="a difference that means nothing, in the signal's unit",
    )
    entity: str = Field(default="{host}", description="label template that names the entity")
    detect: bool = Field(default=True, description="learn what is normal and report anomalies")
    limit: float | None = Field(
        default=None,
        description="where nothing is left, in the direction of 'bad'; when that comes is forecast",
    )

    @field_validator("query")
    @classmethod
    def _query_parses(cls, query: str) -> str:
        return check_promql(query)

    @model_validator(mode="after")
    def _limit_has_a_direction(self) -> Signal:
        if self.limit is not None and self.bad not in ("low", "high"):
            raise ValueError("limit needs 'bad: low' or 'bad: high': which way it is used up")
        return self

    @property
    def bounds(self) -> Bounds:
        """Return the least and the greatest value that a sample can have."""
        return bounds_of(self.unit, self.valid)


class Fault(Strict):
    """A kind of trouble."""

    id: Identifier
    summary: Text
    severity: Literal["info", "warning", "critical"] = "warning"
    causes: list[Identifier] = Field(
        default_factory=list, description="faults that follow from this one on the same host"
    )
    passed_on: bool = Field(
        default=False, description="may come from trouble of something this entity depends on, on any host"
    )
    follows_any: bool = Field(
        default=False, description="may follow from any other fault of its host: it names none itself"
    )
    for_people: bool = Field(default=False, description="nothing is run for it, people are called at once")


class Rule(Strict):
    """From symptoms to a fault."""

    id: Identifier
    fault: Identifier
    entity: str = Field(min_length=1, max_length=200)
    confidence: Confidence
    when: Condition
    evidence: Text
    harm: Literal["itself"] | list[Identifier] = Field(
        default_factory=list,
        description="what shows that somebody suffers from it: 'itself', or ids of rules/harm.yml; "
        "where nothing is named nobody can tell",
    )


class HarmRule(Strict):
    """What shows that somebody suffers: who waits, gets errors, or loses something."""

    id: Identifier
    entity: str = Field(min_length=1, max_length=200, description="label template: who suffers, or where")
    when: Condition
    evidence: Text
    otherwise: Text = Field(description="what is so where nobody suffers in this way")


class SignalFile(Strict):
    """``rules/signals/*.yml``."""

    signals: list[Signal]


class FaultFile(Strict):
    """``rules/faults.yml``."""

    faults: list[Fault]


class RuleFile(Strict):
    """``rules/diagnosis/*.yml``."""

    rules: list[Rule]


class HarmFile(Strict):
    """``rules/harm.yml``."""

    harms: list[HarmRule]


@dataclass(frozen=True, slots=True)
class Rulebook:
    """All signals, faults and rules that are in force, by id, and a digest of the files they are from."""

    signals: Mapping[str, Signal]
    faults: Mapping[str, Fault]
    rules: Mapping[str, Rule]
    digest: str = ""
    harms: Mapping[str, HarmRule] = field(default_factory=dict)


Entry = TypeVar("Entry", Signal, Fault, Rule, HarmRule)


class _Shelf:
    """Entries of one kind by id, with the place each came from."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.entries: dict[str, Signal | Fault | Rule | HarmRule] = {}
        self.places: dict[str, tuple[Document, KeyPath, Path]] = {}

    def put(self, folder: Path, document: Document, key: str, entries: Sequence[Entry]) -> Iterator[Problem]:
        for index, entry in enumerate(entries):
            place: KeyPath = (key, index)
            known = self.places.get(entry.id)
            if known and known[2] == folder:
                where = f"{known[0].file}:{known[0].lines.get(known[1], 1)}"
                yield document.problem((*place, "id"), f"{self.kind} '{entry.id}' stands already in {where}")
                continue
            self.entries[entry.id] = entry
            self.places[entry.id] = (document, place, folder)

    def problem(self, id_: str, path: KeyPath, message: str, hint: str = "") -> Problem:
        document, place, _ = self.places[id_]
        return document.problem((*place, *path), message, hint)


def load_rules(folders: Iterable[Path]) -> Rulebook:
    """Read the rule folders in order. Raises ConfigError with every problem found in any file."""
    signals, faults, rules, harms = (_Shelf(kind) for kind in ("signal", "fault", "rule", "harm"))
    problems: list[Problem] = []
    digest = hashlib.sha256()
    for folder in folders:
        if not folder.is_dir():
            problems.append(Problem(folder, "is no folder", hint="set paths.rules"))
            continue
        for file in sorted((*folder.glob("*.yml"), *folder.glob("*/*.yml"))):
            digest.update(f"{file.relative_to(folder)}\0".encode() + file.read_bytes() + b"\0")
        for file in sorted(folder.glob("signals/*.yml")):
            problems += _load(folder, file, SignalFile, "signals", signals)
        for file in (*folder.glob("faults.yml"), *sorted(folder.glob("faults/*.yml"))):
            problems += _load(folder, file, FaultFile, "faults", faults)
        for file in sorted(folder.glob("diagnosis/*.yml")):
            problems += _load(folder, file, RuleFile, "rules", rules)
        for file in (*folder.glob("harm.yml"), *sorted(folder.glob("harm/*.yml"))):
            problems += _load(folder, file, HarmFile, "harms", harms)
    problems += _check_entities(signals)
    problems += _check_causes(faults)
    problems += _check_rules(rules, signals, faults)
    problems += _check_harms(rules, harms, signals)
    if problems:
        raise ConfigError(problems)
    return Rulebook(
        signals={k: v for k, v in signals.entries.items() if isinstance(v, Signal)},
        faults={k: v for k, v in faults.entries.items() if isinstance(v, Fault)},
        rules={k: v for k, v in rules.entries.items() if isinstance(v, Rule)},
        digest=digest.hexdigest(),
        harms={k: v for k, v in harms.entries.items() if isinstance(v, HarmRule)},
    )


def _load(
    folder: Path,
    file: Path,
    model: type[SignalFile | FaultFile | RuleFile | HarmFile],
    key: str,
    shelf: _Shelf,
) -> list[Problem]:
    try:
        document = read_yaml(file)
        content = validate(model, document)
    except ConfigError as error:
        return list(error.problems)
    return list(shelf.put(folder, document, key, getattr(content, key)))


def _check_entities(signals: _Shelf) -> Iterator[Problem]:
    for id_, signal in signals.entries.items():
        if isinstance(signal, Signal) and not names(signal.entity):
            yield signals.problem(
                id_, ("entity",), f"'{signal.entity}' names no label", "write a template such as '{host}'"
            )


def _check_causes(faults: _Shelf) -> Iterator[Problem]:
    for id_, fault in faults.entries.items():
        for index, cause in enumerate(getattr(fault, "causes", [])):
            if cause not in faults.entries:
                yield faults.problem(id_, ("causes", index), f"there is no fault '{cause}'")


def _check_rules(rules: _Shelf, signals: _Shelf, faults: _Shelf) -> Iterator[Problem]:
    for id_, rule in rules.entries.items():
        if not isinstance(rule, Rule):
            continue
        if rule.fault not in faults.entries:
            known = ", ".join(sorted(faults.entries)) or "none"
            yield rules.problem(id_, ("fault",), f"there is no fault '{rule.fault}'", f"known: {known}")
        yield from _check_finding(rules, rule, signals)


def _check_harms(rules: _Shelf, harms: _Shelf, signals: _Shelf) -> Iterator[Problem]:
    for harm in harms.entries.values():
        if isinstance(harm, HarmRule):
            yield from _check_finding(harms, harm, signals)
    for id_, rule in rules.entries.items():
        for index, name in enumerate(rule.harm if isinstance(rule, Rule) and rule.harm != "itself" else ()):
            if name not in harms.entries:
                known = ", ".join(sorted(harms.entries)) or "none"
                yield rules.problem(id_, ("harm", index), f"there is no harm '{name}'", f"known: {known}")


def _check_finding(shelf: _Shelf, entry: Rule | HarmRule, signals: _Shelf) -> Iterator[Problem]:
    """Check what rules and harms share: whom they find, by which signals, and how they say so."""
    known_signals = signals.entries.keys() | WITHOUT_QUERY
    for leaf in leaves(entry.when):
        if isinstance(leaf, SignalCondition) and leaf.signal not in known_signals:
            yield shelf.problem(entry.id, ("when",), f"there is no signal '{leaf.signal}'")
        if isinstance(leaf, ForecastCondition) and not _is_limited(signals.entries.get(leaf.forecast)):
            yield shelf.problem(
                entry.id,
                ("when",),
                f"there is no signal '{leaf.forecast}' with a limit: nothing is forecast of it",
            )
    if mixes(entry.when):
        yield shelf.problem(
            entry.id,
            ("when",),
            "finds a fault that is there or one that is foreseen: what may be done differs",
            "write a rule for each",
        )
    if not finds(entry.when):
        yield shelf.problem(
            entry.id,
            ("when",),
            "finds nobody: 'not' only rules out what others found",
            "put it into 'all' beside what is to be seen",
        )
    if not names(entry.entity):
        yield shelf.problem(entry.id, ("entity",), "names no label", "write a template such as '{host}'")
    for match in PLACEHOLDER.finditer(entry.evidence):
        if match[2] and match[2] not in STYLES:
            yield shelf.problem(
                entry.id, ("evidence",), f"no format '{match[2]}'", f"known: {', '.join(sorted(STYLES))}"
            )


def _is_limited(signal: Signal | Fault | Rule | HarmRule | None) -> bool:
    return isinstance(signal, Signal) and signal.limit is not None
