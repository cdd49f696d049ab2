"""Opinions of the three voters on one entity in, faults with one confidence each out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from agent.records.cases import Fingerprint, Opinion, PastCase

_SUREST = 0.97  # nobody who only looks from outside is surer
UNKNOWN_BELOW = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class VoterWeights:
    """How much each voter is believed, in 0..1, until outcomes have taught better."""

    rules: float = 1.0
    cases: float = 0.8
    classifier: float = 0.7

    def of(self, voter: str) -> float:
        """Return the weight of a voter by the first word of its name."""
        kind = voter.partition(" ")[0]
        return {"rule": self.rules, "case": self.cases, "classifier": self.classifier}.get(kind, 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """A fault that an entity may have, with one confidence, and who said so."""

    fault: str
    confidence: float
    voters: Mapping[str, float]
    evidence: tuple[str, ...]


def combine(opinions: Iterable[Opinion], weights: VoterWeights | None = None) -> list[Naming]:
    """Fuse opinions, the likeliest fault first.

    Voters of different kinds strengthen each other (noisy or); of one kind only the surest counts, for
    they look at the same facts. What speaks for other faults takes its share away.
    """
    weights = weights or VoterWeights()
    by_fault: dict[str, list[Opinion]] = defaultdict(list)
    for opinion in opinions:
        by_fault[opinion.fault].append(opinion)
    support = {fault: _support(own, weights) for fault, own in by_fault.items()}
    total = sum(support.values())
    named = [
        Naming(
            fault=fault,
            confidence=min(_SUREST, support[fault] * support[fault] / total) if total else 0.0,
            voters={one.voter: round(one.confidence, 3) for one in own},
            evidence=tuple(dict.fromkeys(text for one in own for text in one.evidence)),
        )
        for fault, own in by_fault.items()
    ]
    return sorted(named, key=lambda one: (-one.confidence, one.fault))


def _support(opinions: Sequence[Opinion], weights: VoterWeights) -> float:
    surest: dict[str, float] = {}
    for one in opinions:
        kind = one.voter.partition(" ")[0]
        surest[kind] = max(surest.get(kind, 0.0), weights.of(one.voter) * one.confidence)
    doubt = 1.0
    for confidence in surest.values():
        doubt *= 1 - confidence
    return 1 - doubt


_QUESTIONS: Mapping[str, str] = {
    "log:no_space": "does its journal speak of missing space? (journalctl -u UNIT, df -h)",
    "log:no_memory": "did the kernel kill anything for memory? (journalctl -k)",
    "log:no_files": "does it log that too many files are open?",
    "log:port_taken": "does it log that its port is taken? (ss -ltnp)",
    "log:stale_lock": "is there a lock or pid file of a process that is gone?",
    "log:certificate": "when does its certificate end?",
    "log:config": "does it accept its configuration?",
    "log:crash": "does it log a panic or a stack trace?",
    "log:timeout": "whom is it waiting for when requests time out?",
    "log:throttled": "is it throttled by something it uses?",
    "log:overload": "is its queue or its pool of connections full?",
    "log:bad_input": "is there a record that it cannot process?",
    "log:schema": "does it ask its database for something that is not there?",
    "full:disk": "how full are its file systems? (df -h)",
    "full:inodes": "how many inodes are free? (df -i)",
    "full:memory": "how much memory is left? (free -m)",
    "full:cpu": "which process takes the processor time? (top)",
    "full:connections": "how many connections are in use, and how many may there be?",
    "change:deploy": "was anything released there shortly before?",
    "change:flag": "was a flag switched there shortly before?",
    "change:config": "was a setting changed there shortly before?",
    "vanished": "is it running at all? (systemctl status UNIT)",
    "surge": "are there more requests than usual?",
}


def next_question(entity: str, seen: Fingerprint, faults: Collection[str], cases: Iterable[PastCase]) -> str:
    """Return what to look at next: the fact not yet seen that tells the likeliest faults best apart."""
    expected: dict[str, dict[str, float]] = defaultdict(dict)
    for case in cases:
        for feature, clarity in case.fingerprint.items():
            if feature in _QUESTIONS and feature not in seen and (not faults or case.fault in faults):
                known = expected[feature].get(case.fault, 0.0)
                expected[feature][case.fault] = max(known, clarity)
    asked = {feature: max(by.values()) / len(by) for feature, by in expected.items()}
    best = max(asked, key=lambda feature: (asked[feature], feature), default="log:crash")
    return f"look at {entity}: {_QUESTIONS[best]}"
