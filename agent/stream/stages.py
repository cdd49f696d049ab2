"""The five stages that what arrives by itself goes through: what it says, how sure, then diagnosis.

Everything that comes here is in the store already. The stages find out whether it should be acted on at
once or can wait for the next poll, which sees it anyway.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agent.config.conditions import AlertCondition, EventCondition, LogCondition, leaves
from agent.config.rulefiles import Rulebook
from agent.config.settings import StreamSection
from agent.records import Alert, Event, Incident, LogCount
from agent.stream.stage import Stage

STAGES = ("collect", "detect", "predict", "diagnose", "remediate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that arrived: what it is, and how sure it makes us that there is trouble, in 0..1."""

    kind: str
    key: str
    confidence: float = 0.0


class Judge:
    """Says how sure the surest rule is that asks for a finding."""

    def __init__(self, book: Callable[[], Rulebook]) -> None:
        self._book = book
        self._known: Rulebook | None = None
        self._conditions: list[tuple[str, re.Pattern[str], float]] = []

    def confidence(self, finding: Finding) -> float:
        """Return the confidence of the surest rule; 0 when none asks for it."""
        book = self._book()
        if book is not self._known:
            self._conditions, self._known = list(_asked_for(book)), book
        found = [
            confidence
            for kind, pattern, confidence in self._conditions
            if kind == finding.kind and pattern.fullmatch(finding.key)
        ]
        return max(found, default=0.0)


def make_stages(
    book: Callable[[], Rulebook],
    diagnose: Callable[[], Sequence[Incident]],
    remediate: Callable[[Sequence[Incident]], object],
    act_above: float,
    settings: StreamSection,
) -> list[Stage]:
    """Return the stages. Only findings that are surer than ``act_above`` are diagnosed at once."""
    judge = Judge(book)

    def detect(findings: Sequence[Any]) -> Iterable[Finding]:
        return [replace(one, confidence=judge.confidence(one)) for one in findings]

    def predict(findings: Sequence[Any]) -> Iterable[Finding]:
        # the rest is recorded; the next poll takes it up together with the metrics
        return [one for one in findings if one.confidence > act_above]

    def conclude(findings: Sequence[Any]) -> Iterable[Any]:
        incidents = diagnose()  # once for all that came together
        return [incidents] if incidents else []

    def act(batches: Sequence[Any]) -> Iterable[Any]:
        newest = {incident.id: incident for batch in batches for incident in batch}
        remediate(list(newest.values()))
        return []

    work = {"collect": collect, "detect": detect, "predict": predict, "diagnose": conclude, "remediate": act}
    return [
        Stage(
            name=name,
            work=work[name],
            workers=getattr(settings.workers, name),
            most=settings.buffer,
            longest_s=settings.longest.total_seconds(),
        )
        for name in STAGES
    ]


def collect(arrived: Sequence[Any]) -> Iterable[Finding]:
    """Return a finding for each different thing among events, alerts and counts of log patterns."""
    findings: dict[Finding, None] = {}
    for one in arrived:
        if isinstance(one, Event):
            findings[Finding(kind="event", key=one.kind)] = None
        elif isinstance(one, Alert):
            findings[Finding(kind="alert", key=one.name)] = None
        elif isinstance(one, LogCount) and one.kind == "pattern":
            findings[Finding(kind="log", key=one.key)] = None
    return findings


def _asked_for(book: Rulebook) -> Iterable[tuple[str, re.Pattern[str], float]]:
    for rule in book.rules.values():
        for leaf in leaves(rule.when):
            match leaf:
                case EventCondition():
                    yield "event", re.compile(leaf.event), rule.confidence
                case AlertCondition():
                    yield "alert", re.compile(leaf.alert), rule.confidence
                case LogCondition():
                    yield "log", re.compile(re.escape(leaf.log)), rule.confidence
