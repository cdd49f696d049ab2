"""The voter that knows rules: a frame and open anomalies in, candidates with evidence and harm out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from agent.config.conditions import HOST_BACK, Condition, SignalCondition, foresees, lasting, leaves
from agent.config.promql import is_of_the_past
from agent.config.rulefiles import Rule, Rulebook
from agent.diagnose.live.harmed import HarmFinder
from agent.diagnose.live.joining import Binding, evaluate, merge
from agent.diagnose.live.symptoms import SymptomFinder
from agent.diagnose.live.unknown_alerts import UnknownAlerts
from agent.diagnose.live.unknown_faults import UnknownFaults
from agent.placeholders import fill, names
from agent.records import Alert, Anomaly, Arrivals, Candidate, Frame, Harm, Held, Vote
from agent.records.forecasts import Exhaustion

_FORECAST_LASTS = timedelta(minutes=10)  # two looks ahead that do not tell of it any more

_RULE = "rule "  # before a rule's id, among the voters of a candidate


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
        past = {id_ for id_, signal in book.signals.items() if is_of_the_past(signal.query)}
        self._asked = [_Asked.of(rule, past) for rule in self._rules]
        self._harms = book.harms
        self._settle = settle
        self._unknown_alerts = UnknownAlerts(self._rules, ignored_alerts)
        self._unknown_faults = UnknownFaults(book.signals)

    def unknown_among(self, alerts: Iterable[Alert]) -> list[Alert]:
        """Return the alerts that no rule uses."""
        return self._unknown_alerts.among(alerts)

    def vote(
        self,
        frame: Frame,
        anomalies: Sequence[Anomaly] = (),
        alerts: Sequence[Alert] = (),
        arrivals: Arrivals | None = None,
        known: Iterable[Candidate] = (),
        expected: Sequence[Exhaustion] = (),
    ) -> Vote:
        """Return a candidate for every rule and entity that match now, and what cannot be told.

        What a rule rules out must be known to be so: where it is not, the rule is held back. ``known`` are
        faults that incidents hold: of them a rule needs not see again how they began, which lies ever
        further back, only that they last. ``expected`` is what is about to be used up;
        a fault that nothing else speaks for is marked as foreseen.
        """
        candidates: list[Candidate] = []
        held: list[Held] = []

        def take(asked: _Asked, bindings: Iterable[Binding], harmed: HarmFinder) -> None:
            for binding in bindings:
                if binding.untold:
                    held.append(_held(asked.rule, binding))
                else:
                    harm = harmed.of(asked.rule, binding)
                    candidates.append(_candidate(asked.rule, binding, asked.waits, harm))

        finder = SymptomFinder(frame, anomalies, alerts, arrivals, expected)
        harmed = HarmFinder(self._harms, finder)
        begun = _by_rule(known)
        for asked in self._asked:
            found = _find(asked.rule.when, asked, finder)
            take(asked, found, harmed)
            left = _not_among(begun.get(asked.rule.id, ()), asked.rule, found)
            if left and asked.lasting is not None:
                near = SymptomFinder(frame, anomalies, alerts, arrivals, expected, _hosts_of(left))
                wanted = {one.entity for one in left}
                lasting_ones = [
                    one
                    for one in _find(asked.lasting, asked, near)
                    if fill(asked.rule.entity, dict(one.key)) in wanted
                ]
                take(asked, lasting_ones, harmed)
        candidates += self._unknown_alerts.find(alerts)
        candidates += self._unknown_faults.find(frame, anomalies, candidates)
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


@dataclass(frozen=True, slots=True)
class _Asked:
    """A rule, the labels that name its entity, and the longest ``for`` of what it wants to see.

    ``lasting`` is what is left of its condition for faults that are known, None where that is the same.
    """

    rule: Rule
    variables: frozenset[str]
    waits: timedelta
    lasting: Condition | None

    @classmethod
    def of(cls, rule: Rule, past: Collection[str]) -> _Asked:
        left = lasting(rule.when, past)
        return cls(
            rule,
            frozenset(names(rule.entity)),
            _longest_wait(rule.when),
            left if left != rule.when else None,
        )


def _find(condition: Condition, asked: _Asked, finder: SymptomFinder) -> list[Binding]:
    found = merge(evaluate(condition, finder, asked.variables))
    return [one for one in found if asked.variables <= one.key.keys()]


def _by_rule(known: Iterable[Candidate]) -> Mapping[str, Sequence[Candidate]]:
    found: dict[str, list[Candidate]] = defaultdict(list)
    for one in known:
        for voter in one.voters:
            if voter.startswith(_RULE):
                found[voter.removeprefix(_RULE)].append(one)
    return found


def _not_among(known: Iterable[Candidate], rule: Rule, found: Iterable[Binding]) -> list[Candidate]:
    there = {fill(rule.entity, dict(one.key)) for one in found if not one.untold} if known else set()
    return [one for one in known if one.fault == rule.fault and one.entity not in there]


def _hosts_of(candidates: Iterable[Candidate]) -> frozenset[str] | None:
    """Return the hosts whose series have to be looked at, None for all."""
    hosts = frozenset(one.labels.get("host", "") for one in candidates)
    return None if "" in hosts else hosts


def _candidate(rule: Rule, binding: Binding, lasts: timedelta, harm: Harm) -> Candidate:
    values: dict[str, str | float | None] = dict.fromkeys(names(rule.evidence))
    values.update(binding.labels)
    values.update({symptom.source: symptom.value for symptom in reversed(binding.symptoms)})
    foreseen = binding.foreseen if foresees(rule.when) else None
    return Candidate(
        fault=rule.fault,
        entity=fill(rule.entity, dict(binding.key)),
        confidence=rule.confidence,
        voters={f"{_RULE}{rule.id}": rule.confidence},
        evidence=(fill(rule.evidence, values),),
        symptoms=binding.symptoms,
        labels=binding.labels,
        identity=dict(binding.key),
        lasts=max(lasts, _FORECAST_LASTS) if foreseen else lasts,
        harm=harm,
        foreseen=foreseen,
    )


def _held(rule: Rule, binding: Binding) -> Held:
    entity = fill(rule.entity, dict(binding.key))
    return Held(rule=rule.id, fault=rule.fault, entity=entity, why=binding.untold)


def _longest_wait(condition: Condition) -> timedelta:
    """Return the longest ``for`` of what a rule wants to see."""
    waits = (leaf.for_ for leaf in leaves(condition) if isinstance(leaf, SignalCondition) and leaf.for_)
    return max(waits, default=timedelta(0))
