"""The voter that knows rules: a frame and open anomalies in, candidates with evidence and harm out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from agent.config.conditions import HOST_BACK, Condition, SignalCondition, leaves
from agent.config.rulefiles import Rule, Rulebook
from agent.diagnose.live.harmed import HarmFinder
from agent.diagnose.live.joining import Binding, evaluate, merge
from agent.diagnose.live.symptoms import SymptomFinder
from agent.diagnose.live.unknown_alerts import UnknownAlerts
from agent.diagnose.live.unknown_faults import UnknownFaults
from agent.placeholders import fill, names
from agent.records import Alert, Anomaly, Arrivals, Candidate, Frame, Harm, Held, Vote


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
        self._asked = [
            (rule, frozenset(names(rule.entity)), _longest_wait(rule.when)) for rule in self._rules
        ]
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
    ) -> Vote:
        """Return a candidate for every rule and entity that match now, and what cannot be told.

        What a rule rules out must be known to be so: where it is not, the rule is held back.
        """
        finder = SymptomFinder(frame, anomalies, alerts, arrivals)
        candidates: list[Candidate] = []
        held: list[Held] = []
        harmed = HarmFinder(self._harms, finder)
        for rule, variables, lasts in self._asked:
            for binding in merge(evaluate(rule.when, finder, variables)):
                if not variables <= binding.key.keys():
                    continue
                if binding.untold:
                    held.append(_held(rule, binding))
                else:
                    harm = harmed.of(rule, binding)
                    candidates.append(_candidate(rule, binding, lasts, harm))
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


def _candidate(rule: Rule, binding: Binding, lasts: timedelta, harm: Harm) -> Candidate:
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
        harm=harm,
    )


def _held(rule: Rule, binding: Binding) -> Held:
    entity = fill(rule.entity, dict(binding.key))
    return Held(rule=rule.id, fault=rule.fault, entity=entity, why=binding.untold)


def _longest_wait(condition: Condition) -> timedelta:
    """Return the longest ``for`` of what a rule wants to see."""
    waits = (leaf.for_ for leaf in leaves(condition) if isinstance(leaf, SignalCondition) and leaf.for_)
    return max(waits, default=timedelta(0))
