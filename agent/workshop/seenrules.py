"""Moments of stories in, the rules that matched in one and those that had a look-alike to pass by out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.config.conditions import ForecastCondition, SignalCondition, leaves
from agent.config.rulefiles import Rule, Rulebook
from agent.placeholders import fill, names
from agent.records import Candidate, Frame, Vote


@dataclass(slots=True)
class SeenRules:
    """Rules that named somebody, and that did not name somebody of whom they had samples."""

    matched: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)

    def look(self, book: Rulebook, frame: Frame, vote: Vote) -> None:
        """Take in one moment of a story."""
        found: dict[str, set[str]] = defaultdict(set)
        for candidate in vote.candidates:
            for rule in rules_behind(candidate):
                found[rule].add(candidate.entity)
        self.matched |= found.keys()
        for one in book.rules.values():
            if one.id not in self.silent and _looked_at(one, frame) - found[one.id]:
                self.silent.add(one.id)

    def never_silent(self, book: Rulebook) -> Iterator[str]:
        """Yield the rules about signals that had nobody to pass by in any story."""
        for one in book.rules.values():
            if one.id not in self.silent and _first_signal(one) is not None:
                yield one.id


def rules_behind(candidate: Candidate) -> list[str]:
    """Return the rules that speak for a candidate."""
    return [voter.removeprefix("rule ") for voter in candidate.voters if voter.startswith("rule ")]


def _looked_at(rule: Rule, frame: Frame) -> set[str]:
    """Return the entities of which there are samples of the first signal that a rule looks for."""
    first = _first_signal(rule)
    if first is None:
        return set()
    labels = [frame.series[row].labels for row in frame.rows.get(first, ())]
    wanted = names(rule.entity)
    return {fill(rule.entity, one) for one in labels if all(one.get(name) for name in wanted)}


def _first_signal(rule: Rule) -> str | None:
    for one in leaves(rule.when):
        if isinstance(one, SignalCondition | ForecastCondition):
            return one.signal if isinstance(one, SignalCondition) else one.forecast
    return None
