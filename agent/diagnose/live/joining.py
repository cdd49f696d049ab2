"""Conditions of a rule and what is seen in, the entities that meet them out, each with the facts behind it.

The conditions are joined on the labels that an entity's template names, as PromQL joins with ``on(…)``: two
series belong together when they agree on every such label that both have.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from agent.config.conditions import (
    AlertCondition,
    AllOf,
    AnyOf,
    Condition,
    EventCondition,
    ForecastCondition,
    LogCondition,
    LogTemplateCondition,
    NoneOf,
    SignalCondition,
    finds,
)
from agent.diagnose.live.arrived import find_events, find_log_lines, find_log_templates
from agent.diagnose.live.symptoms import Match, SymptomFinder
from agent.diagnose.live.untold import Untold, untold
from agent.records import Symptom
from agent.records.forecasts import Remaining, soonest

_MOST_SYMPTOMS = 8  # kept per entity; more would not convince anybody further


@dataclass(frozen=True, slots=True)
class Binding:
    """One way to meet a condition: the values of the entity's labels, and the facts behind it."""

    key: Mapping[str, str]
    labels: Mapping[str, str]
    symptoms: tuple[Symptom, ...]
    untold: str = ""  # why nobody can tell whether what must not be is not
    foreseen: Remaining | None = None  # until it is so, where it is still to come


def evaluate(condition: Condition, finder: SymptomFinder, variables: frozenset[str]) -> list[Binding]:
    """Return who meets a condition, told apart by the labels ``variables``."""
    match condition:
        case AllOf():
            return _evaluate_all(condition, finder, variables)
        case AnyOf():
            parts = (evaluate(part, finder, variables) for part in condition.any)
            return merge(binding for part in parts for binding in part)
        case NoneOf():
            return []  # it finds nothing, it only rules out: see ``_rule_out``
        case SignalCondition():
            return _bind(finder.find(condition), variables)
        case AlertCondition():
            return _bind(finder.find_alerts(condition), variables)
        case ForecastCondition():
            return _bind(finder.find_forecasts(condition), variables)
        case LogCondition():
            return _bind(find_log_lines(condition, finder.arrivals), variables)
        case LogTemplateCondition():
            return _bind(find_log_templates(condition, finder.arrivals), variables)
        case EventCondition():
            return _bind(find_events(condition, finder.arrivals), variables)


def _bind(matches: Iterable[Match], variables: frozenset[str]) -> list[Binding]:
    return merge(
        Binding(
            {name: match.labels[name] for name in variables if match.labels.get(name)},
            match.labels,
            (match.symptom,),
            foreseen=match.foreseen,
        )
        for match in matches
    )


def _evaluate_all(condition: AllOf, finder: SymptomFinder, variables: frozenset[str]) -> list[Binding]:
    found: list[Binding] | None = None
    for part in condition.all:
        if finds(part):
            right = evaluate(part, finder, variables)
            found = right if found is None else _join(found, right)
            if not found:
                return []
    for part in condition.all:
        if not finds(part) and found:
            found = _rule_out(found, Asked(part, finder, variables))
    return found or []


def _rule_out(found: Iterable[Binding], asked: Asked) -> list[Binding]:
    """Keep the bindings for which a condition holds; of those of whom nobody can tell say why."""
    kept = []
    for binding in found:
        holds = asked.holds_for(binding.key)
        if holds is None:
            kept.append(replace(binding, untold=binding.untold or asked.why(binding.key)))
        elif holds:
            kept.append(binding)
    return kept


class Asked:
    """A condition that is asked about entity after entity: does it hold, or not, or can nobody tell?"""

    def __init__(self, condition: Condition, finder: SymptomFinder, variables: frozenset[str]) -> None:
        self._condition = condition
        self._untold: Sequence[Untold] = ()
        inner: Sequence[Condition] = ()
        match condition:
            case AllOf():
                inner = condition.all
            case AnyOf():
                inner = condition.any
            case NoneOf():
                inner = [condition.not_]
            case _:
                self._untold = untold(condition, finder)
        self._parts = [Asked(part, finder, variables) for part in inner]
        found = evaluate(condition, finder, variables)
        self._found = _Keys(one.key for one in found if not one.untold)
        self._doubted = _Keys(one.labels for one in self._untold)

    def holds_for(self, key: Mapping[str, str]) -> bool | None:
        """Return whether it holds for an entity, by Kleene's logic of three values."""
        if self._found.agree(key):
            return True
        parts = [part.holds_for(key) for part in self._parts]
        match self._condition:
            case NoneOf():
                return None if parts[0] is None else not parts[0]
            case AllOf():
                # where all hold, but of different things, it does not
                return None if False not in parts and None in parts else False
            case AnyOf():
                return None if None in parts else True in parts
            case _:
                return None if self._doubted.agree(key) else False

    def why(self, key: Mapping[str, str]) -> str:
        """Return why nobody can tell whether it holds for an entity."""
        for part in self._parts:
            if part.holds_for(key) is None:
                return part.why(key)
        return next((one.why for one in self._untold if agree(one.labels, key)), "")


class _Keys:
    """Label sets, and whether one of them agrees with others on every label that both have."""

    def __init__(self, keys: Iterable[Mapping[str, str]]) -> None:
        self._by_shape: dict[frozenset[str], list[Mapping[str, str]]] = defaultdict(list)
        for key in keys:
            self._by_shape[frozenset(key)].append(key)
        self._indexes: dict[tuple[frozenset[str], frozenset[str]], set[tuple[str, ...]]] = {}

    def agree(self, key: Mapping[str, str]) -> bool:
        """Return whether one of them agrees with a key; by hashing, for a storm asks thousands of times."""
        for shape, members in self._by_shape.items():
            shared = shape.intersection(key)
            order = sorted(shared)
            index = self._indexes.get((shape, shared))
            if index is None:
                index = {tuple(one[name] for name in order) for one in members}
                self._indexes[shape, shared] = index
            if tuple(key[name] for name in order) in index:
                return True
        return False


def _join(left: Sequence[Binding], right: Sequence[Binding]) -> list[Binding]:
    """Join on the labels both sides have, by hashing: a storm matches thousands of series."""
    indexes: dict[tuple[frozenset[str], frozenset[str]], dict[tuple[str, ...], list[Binding]]] = {}
    shapes: dict[frozenset[str], list[Binding]] = defaultdict(list)
    for binding in right:
        shapes[frozenset(binding.key)].append(binding)
    joined: list[Binding] = []
    for one in left:
        for shape, members in shapes.items():
            shared = frozenset(one.key) & shape
            order = sorted(shared)
            index = indexes.get((shape, shared))
            if index is None:
                index = indexes[shape, shared] = defaultdict(list)
                for member in members:
                    index[tuple(member.key[name] for name in order)].append(member)
            for other in index.get(tuple(one.key[name] for name in order), ()):
                joined.append(_combine(one, other))
    return merge(joined)


def _combine(one: Binding, other: Binding) -> Binding:
    return Binding(
        {**other.key, **one.key},
        {**other.labels, **one.labels},
        tuple(dict.fromkeys(one.symptoms + other.symptoms))[:_MOST_SYMPTOMS],
        one.untold or other.untold,
        soonest(one.foreseen, other.foreseen),
    )


def merge(bindings: Iterable[Binding]) -> list[Binding]:
    """Make bindings of the same entity one, with the facts of all; what is sure needs no doubtful ones."""
    by_key: dict[frozenset[tuple[str, str]], Binding] = {}
    for binding in bindings:
        key = frozenset(binding.key.items())
        known = by_key.get(key)
        if known is None or (known.untold and not binding.untold):
            by_key[key] = binding
        elif bool(known.untold) == bool(binding.untold) and len(known.symptoms) < _MOST_SYMPTOMS:
            by_key[key] = _combine(known, binding)
    return list(by_key.values())


def agree(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Return whether two label sets have the same value for every label that both have."""
    return all(one[name] == other[name] for name in one.keys() & other.keys())
