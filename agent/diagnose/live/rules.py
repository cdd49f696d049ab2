"""The voter that knows rules: a frame and open anomalies in, candidates with evidence out.

The conditions of a rule are joined on the labels that its ``entity`` names, as PromQL joins with
``on(…)``: two series belong together when they agree on every such label that both have.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from agent.config.conditions import (
    AlertCondition,
    AllOf,
    AnyOf,
    Condition,
    EventCondition,
    LogCondition,
    LogTemplateCondition,
    NoneOf,
    SignalCondition,
)
from agent.config.rulefiles import Rule, Rulebook
from agent.diagnose.live.arrived import find_events, find_log_lines, find_log_templates
from agent.diagnose.live.symptoms import Match, SymptomFinder
from agent.placeholders import fill, names
from agent.records import Alert, Anomaly, Arrivals, Candidate, Frame, Symptom

_MOST_SYMPTOMS = 8  # kept per candidate; more would not convince anybody further


@dataclass(frozen=True, slots=True)
class _Binding:
    """One way to meet a condition: the values of the entity's labels, and the facts behind it."""

    key: Mapping[str, str]
    labels: Mapping[str, str]
    symptoms: tuple[Symptom, ...]


class RuleVoter:
    """Says which rules match."""

    def __init__(self, book: Rulebook) -> None:
        self._rules = tuple(book.rules.values())

    def vote(
        self,
        frame: Frame,
        anomalies: Sequence[Anomaly] = (),
        alerts: Sequence[Alert] = (),
        arrivals: Arrivals | None = None,
    ) -> list[Candidate]:
        """Return a candidate for every rule and entity that match now."""
        finder = SymptomFinder(frame, anomalies, alerts, arrivals)
        return [candidate for rule in self._rules for candidate in _apply(rule, finder)]


def _apply(rule: Rule, finder: SymptomFinder) -> Iterable[Candidate]:
    variables = frozenset(names(rule.entity))
    for binding in _merge(_evaluate(rule.when, finder, variables)):
        if not variables <= binding.key.keys():
            continue
        values: dict[str, str | float | None] = dict.fromkeys(names(rule.evidence))
        values.update(binding.labels)
        values.update({symptom.source: symptom.value for symptom in reversed(binding.symptoms)})
        yield Candidate(
            fault=rule.fault,
            entity=fill(rule.entity, dict(binding.key)),
            confidence=rule.confidence,
            voters={f"rule {rule.id}": rule.confidence},
            evidence=(fill(rule.evidence, values),),
            symptoms=binding.symptoms,
            labels=binding.labels,
        )


def _evaluate(condition: Condition, finder: SymptomFinder, variables: frozenset[str]) -> list[_Binding]:
    match condition:
        case AllOf():
            return _evaluate_all(condition, finder, variables)
        case AnyOf():
            parts = (_evaluate(part, finder, variables) for part in condition.any)
            return _merge(binding for part in parts for binding in part)
        case NoneOf():
            # alone it would match everything that was never seen; inside ``all`` it removes
            return []
        case SignalCondition():
            return _bind(finder.find(condition), variables)
        case AlertCondition():
            return _bind(finder.find_alerts(condition), variables)
        case LogCondition():
            return _bind(find_log_lines(condition, finder.arrivals), variables)
        case LogTemplateCondition():
            return _bind(find_log_templates(condition, finder.arrivals), variables)
        case EventCondition():
            return _bind(find_events(condition, finder.arrivals), variables)


def _bind(matches: Iterable[Match], variables: frozenset[str]) -> list[_Binding]:
    return _merge(
        _Binding(
            {name: match.labels[name] for name in variables if name in match.labels},
            match.labels,
            (match.symptom,),
        )
        for match in matches
    )


def _evaluate_all(condition: AllOf, finder: SymptomFinder, variables: frozenset[str]) -> list[_Binding]:
    found: list[_Binding] | None = None
    for part in condition.all:
        if isinstance(part, NoneOf):
            continue
        right = _evaluate(part, finder, variables)
        found = right if found is None else _join(found, right)
        if not found:
            return []
    for part in condition.all:
        if isinstance(part, NoneOf) and found:
            against = _evaluate(part.not_, finder, variables)
            found = [left for left in found if not any(_agree(left.key, other.key) for other in against)]
    return found or []


def _join(left: Sequence[_Binding], right: Sequence[_Binding]) -> list[_Binding]:
    """Join on the labels both sides have, by hashing: a storm matches thousands of series."""
    indexes: dict[tuple[frozenset[str], frozenset[str]], dict[tuple[str, ...], list[_Binding]]] = {}
    shapes: dict[frozenset[str], list[_Binding]] = defaultdict(list)
    for binding in right:
        shapes[frozenset(binding.key)].append(binding)
    joined: list[_Binding] = []
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
    return _merge(joined)


def _combine(one: _Binding, other: _Binding) -> _Binding:
    return _Binding(
        {**other.key, **one.key},
        {**other.labels, **one.labels},
        tuple(dict.fromkeys(one.symptoms + other.symptoms))[:_MOST_SYMPTOMS],
    )


def _merge(bindings: Iterable[_Binding]) -> list[_Binding]:
    """Make bindings of the same entity one, with the facts of all."""
    by_key: dict[frozenset[tuple[str, str]], _Binding] = {}
    for binding in bindings:
        key = frozenset(binding.key.items())
        known = by_key.get(key)
        if known is None:
            by_key[key] = binding
        elif len(known.symptoms) < _MOST_SYMPTOMS:
            by_key[key] = _combine(known, binding)
    return list(by_key.values())


def _agree(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    return all(one[name] == other[name] for name in one.keys() & other.keys())
