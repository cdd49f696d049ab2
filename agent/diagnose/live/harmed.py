"""What a rule found in, whether anybody suffers from it out: somebody, nobody, or nobody can tell."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from agent.config.conditions import SignalCondition, leaves
from agent.config.rulefiles import HarmRule, Rule
from agent.diagnose.live.joining import Asked, Binding, agree, evaluate
from agent.diagnose.live.symptoms import SymptomFinder
from agent.placeholders import fill, names
from agent.records import Harm

_MOST_SEEN = 3  # sentences about one kind of harm


class HarmFinder:
    """Looks at one moment for those who suffer from what rules found."""

    def __init__(self, harms: Mapping[str, HarmRule], finder: SymptomFinder) -> None:
        self._looks = {id_: _Look(harm, finder) for id_, harm in harms.items()}

    def of(self, rule: Rule, binding: Binding) -> Harm:
        """Return whether anybody suffers from what a rule found."""
        if rule.harm == "itself":
            values = {**dict.fromkeys(names(rule.evidence)), **binding.labels}
            values |= {one.source: one.value for one in reversed(binding.symptoms)}
            return Harm(seen=(fill(rule.evidence, values),))
        found = Harm()
        for id_ in rule.harm:
            found |= self._looks[id_].at(binding)
        return found


class _Look:
    """One kind of harm, and where it is seen now; looked for when a rule first asks."""

    def __init__(self, harm: HarmRule, finder: SymptomFinder) -> None:
        self._harm = harm
        self._finder = finder
        self._variables = frozenset(names(harm.entity))

    @cached_property
    def _seen(self) -> list[Binding]:
        found = evaluate(self._harm.when, self._finder, self._variables)
        return [one for one in found if not one.untold and self._variables <= one.key.keys()]

    @cached_property
    def _asked(self) -> Asked:
        return Asked(self._harm.when, self._finder, self._variables)

    def at(self, binding: Binding) -> Harm:
        """Return what this kind of harm says of whom a rule found."""
        place = {name: binding.labels[name] for name in self._variables if binding.labels.get(name)}
        if self._variables - place.keys():
            return Harm(unknown=(f"it has no {', '.join(sorted(self._variables - place.keys()))}",))
        seen = [one for one in self._seen if agree(one.key, place)]
        if seen:
            return Harm(seen=tuple(self._said(self._harm.evidence, one) for one in seen[:_MOST_SEEN]))
        unmeasured = self._unmeasured(place)
        if unmeasured:
            return Harm(unknown=(unmeasured,))
        if self._asked.holds_for(place) is None:
            return Harm(unknown=(self._asked.why(place),))
        return Harm(unseen=(self._said(self._harm.otherwise, binding),))

    def _said(self, template: str, binding: Binding) -> str:
        values: dict[str, str | float | None] = dict.fromkeys(names(template))
        values.update(binding.labels)
        values.update({one.source: one.value for one in reversed(binding.symptoms)})
        return fill(template, values)

    def _unmeasured(self, place: Mapping[str, str]) -> str:
        """Return what nobody measures there, where nothing of what would show the harm is measured."""
        frame = self._finder.frame
        asked = {one.signal for one in leaves(self._harm.when) if isinstance(one, SignalCondition)}
        for signal in asked:
            for row in frame.rows.get(signal, ()):
                if frame.latest[row] == frame.latest[row] and agree(frame.series[row].labels, place):
                    return ""
        return f"nothing measures {' or '.join(sorted(asked))} there" if asked else ""
