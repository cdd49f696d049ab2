"""The voter that knows rules: a frame and open anomalies in, candidates with evidence out.

The conditions of a rule are joined on the labels that its ``entity`` names, as PromQL joins with
``on(…)``: two series belong together when they agree on every such label that both have.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from agent.config.conditions import (
    HOST_BACK,
    AlertCondition,
    AllOf,
    AnyOf,
    Condition,
    EventCondition,
    LogCondition,
    LogTemplateCondition,
    NoneOf,
    SignalCondition,
    finds,
    leaves,
)
from agent.config.rulefiles import Rule, Rulebook
from agent.diagnose.live.arrived import find_events, find_log_lines, find_log_templates
from agent.diagnose.live.symptoms import Match, SymptomFinder
from agent.diagnose.live.unknown_alerts import UnknownAlerts
from agent.diagnose.live.untold import Untold, untold
from agent.placeholders import fill, names
from agent.records import Alert, Anomaly, Arrivals, Candidate, Frame, Held, Symptom, Vote

_MOST_SYMPTOMS = 8  # kept per candidate; more would not convince anybody further


@dataclass(frozen=True, slots=True)
class _Binding:
    """One way to meet a condition: the values of the entity's labels, and the facts behind it."""

    key: Mapping[str, str]
    labels: Mapping[str, str]
    symptoms: tuple[Symptom, ...]
    untold: str = ""  # why nobody can tell whether what must not be is not


class RuleVoter:
    """Says which rules match."""

    def __init__(
        self,
        book: Rulebook,
        settle: timedelta = timedelta(minutes=2),
        ignored_alerts: Iterable[str] = (),
    ) -> None:
        """``settle`` is for how long nothing is concluded of a host that was silent and is back.

        ``ignored_alerts`` are patterns of alerts that no rule needs to know.
        """
        self._rules = tuple(book.rules.values())
        self._settle = settle
        self._unknown_alerts = UnknownAlerts(self._rules, ignored_alerts)

    def unknown_among(self, alerts: Iterable[Alert]) -> list[Alert]:
        """Return the alerts that no rule uses."""
        return self._unknown_alerts.among(alerts)

    def vote(
        self,
        frame: Frame,
        anomalies: Sequence[Anomaly] = (),
        alerts: Sequence[Alert] = (),
        arrivals: Arrivals | None = None,
    ) -> Vote:
        """Return a candidate for every rule and entity that match now, and what cannot be told.

        What a rule rules out must be known to be so: where it is not, the rule is held back.
        """
        finder = SymptomFinder(frame, anomalies, alerts, arrivals)
        candidates: list[Candidate] = []
        held: list[Held] = []
        for rule in self._rules:
            variables = frozenset(names(rule.entity))
            lasts = _longest_wait(rule.when)
            for binding in _merge(_evaluate(rule.when, finder, variables)):
                if not variables <= binding.key.keys():
                    continue
                if binding.untold:
                    held.append(_held(rule, binding))
                else:
                    candidates.append(_candidate(rule, binding, lasts))
        candidates += self._unknown_alerts.find(alerts)
        candidates, unsettled = self._settled(candidates, frame)
        held += unsettled
        named = {(one.fault, one.entity) for one in candidates}
        return Vote(
            candidates=tuple(candidates),
            held=tuple(one for one in held if (one.fault, one.entity) not in named),
        )

    def _settled(self, candidates: Sequence[Candidate], frame: Frame) -> tuple[list[Candidate], list[Held]]:
        """Hold back what is seen on hosts that have just come back: they boot, and report bit by bit."""
        back = {
            frame.series[row].labels["host"]: float(frame.latest[row])
            for row in frame.rows.get(HOST_BACK, ())
            if frame.latest[row] < self._settle.total_seconds()
        }
        if not back:
            return list(candidates), []
        kept = [one for one in candidates if one.labels.get("host") not in back]
        held = [
            Held(
                rule=", ".join(one.voters),
                fault=one.fault,
                entity=one.entity,
                why=f"{one.labels['host']} has been back for {back[one.labels['host']]:.0f} s only",
            )
            for one in candidates
            if one.labels.get("host") in back
        ]
        return kept, held


def _candidate(rule: Rule, binding: _Binding, lasts: timedelta) -> Candidate:
    values: dict[str, str | float | None] = dict.fromkeys(names(rule.evidence))
    values.update(binding.labels)
    values.update({symptom.source: symptom.value for symptom in reversed(binding.symptoms)})
    return Candidate(
        fault=rule.fault,
        entity=fill(rule.entity, dict(binding.key)),
        confidence=rule.confidence,
        voters={f"rule {rule.id}": rule.confidence},
        evidence=(fill(rule.evidence, values),),
        symptoms=binding.symptoms,
        labels=binding.labels,
        identity=dict(binding.key),
        lasts=lasts,
    )


def _held(rule: Rule, binding: _Binding) -> Held:
    entity = fill(rule.entity, dict(binding.key))
    return Held(rule=rule.id, fault=rule.fault, entity=entity, why=binding.untold)


def _longest_wait(condition: Condition) -> timedelta:
    """Return the longest ``for`` of what a rule wants to see."""
    waits = (leaf.for_ for leaf in leaves(condition) if isinstance(leaf, SignalCondition) and leaf.for_)
    return max(waits, default=timedelta(0))


def _evaluate(condition: Condition, finder: SymptomFinder, variables: frozenset[str]) -> list[_Binding]:
    match condition:
        case AllOf():
            return _evaluate_all(condition, finder, variables)
        case AnyOf():
            parts = (_evaluate(part, finder, variables) for part in condition.any)
            return _merge(binding for part in parts for binding in part)
        case NoneOf():
            return []  # it finds nothing, it only rules out: see ``_rule_out``
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
            {name: match.labels[name] for name in variables if match.labels.get(name)},
            match.labels,
            (match.symptom,),
        )
        for match in matches
    )


def _evaluate_all(condition: AllOf, finder: SymptomFinder, variables: frozenset[str]) -> list[_Binding]:
    found: list[_Binding] | None = None
    for part in condition.all:
        if finds(part):
            right = _evaluate(part, finder, variables)
            found = right if found is None else _join(found, right)
            if not found:
                return []
    for part in condition.all:
        if not finds(part) and found:
            found = _rule_out(found, Asked(part, finder, variables))
    return found or []


def _rule_out(found: Iterable[_Binding], asked: Asked) -> list[_Binding]:
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
        found = _evaluate(condition, finder, variables)
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
        return next((one.why for one in self._untold if _agree(one.labels, key)), "")


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
        one.untold or other.untold,
    )


def _merge(bindings: Iterable[_Binding]) -> list[_Binding]:
    """Make bindings of the same entity one, with the facts of all; what is sure needs no doubtful ones."""
    by_key: dict[frozenset[tuple[str, str]], _Binding] = {}
    for binding in bindings:
        key = frozenset(binding.key.items())
        known = by_key.get(key)
        if known is None or (known.untold and not binding.untold):
            by_key[key] = binding
        elif bool(known.untold) == bool(binding.untold) and len(known.symptoms) < _MOST_SYMPTOMS:
            by_key[key] = _combine(known, binding)
    return list(by_key.values())


def _agree(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    return all(one[name] == other[name] for name in one.keys() & other.keys())
