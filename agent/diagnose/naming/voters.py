"""Hypotheses of the voters on one entity in, faults with one confidence each out; weights from outcomes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from agent.records.cases import Fingerprint, Hypothesis, Outcome, PastCase

_SUREST = 0.97  # nobody who only looks from outside is surer
UNKNOWN_BELOW = 0.3


Heard = tuple[float, float]
"""How often a voter proved right, and how often it was put to the proof; a doubtful proof counts in part."""

_AT_FIRST: Mapping[str, float] = {"rule": 1.0, "case": 0.8, "classifier": 0.7, "investigation": 0.9}
_STRANGER = 0.5
_PRIOR = 10.0  # proofs that the weight at first is worth
_POOLED = 5.0  # of one voter's proofs count for its kind: one bad rule must not discredit all


@dataclass(frozen=True, slots=True, kw_only=True)
class VoterWeights:
    """How much each voter is believed, in 0..1: at first by its kind, then by what came of its word.

    The weight of a kind is the mean of a Beta posterior whose prior is the weight at first; that of a
    single rule or case starts from its kind's in the same way.
    """

    heard: Mapping[str, Heard] = field(default_factory=dict)

    def of(self, voter: str) -> float:
        """Return the weight of a voter; the first word of its name is its kind."""
        kind = voter.partition(" ")[0]
        base = _posterior(_AT_FIRST.get(kind, _STRANGER), self._of_kind(kind))
        return base if kind == voter else _posterior(base, self.heard.get(voter, (0.0, 0.0)))

    def trust(self, voter: str) -> float:
        """Return in 0..1 what is left of the weight a voter had at first."""
        return min(1.0, self.of(voter) / _AT_FIRST.get(voter.partition(" ")[0], _STRANGER))

    def _of_kind(self, kind: str) -> Heard:
        right = total = 0.0
        for voter, (good, all_) in self.heard.items():
            if voter.partition(" ")[0] == kind:
                share = min(1.0, _POOLED / all_) if all_ and voter != kind else 1.0
                right, total = right + good * share, total + all_ * share
        return right, total


def learn_weights(outcomes: Iterable[Outcome]) -> VoterWeights:
    """Return the weights that outcomes teach."""
    heard: dict[str, Heard] = {}
    for one in outcomes:
        right, total = heard.get(one.voter, (0.0, 0.0))
        heard[one.voter] = right + one.sure * one.right, total + one.sure
    return VoterWeights(heard=heard)


def _posterior(prior: float, heard: Heard) -> float:
    return (prior * _PRIOR + heard[0]) / (_PRIOR + heard[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """A fault that an entity may have, with one confidence, and who said so."""

    fault: str
    confidence: float
    voters: Mapping[str, float]
    evidence: tuple[str, ...]


def combine(hypotheses: Iterable[Hypothesis], weights: VoterWeights | None = None) -> list[Naming]:
    """Fuse hypotheses, the likeliest fault first.

    Voters of different kinds strengthen each other (noisy or); of one kind only the surest counts, for
    they look at the same facts. What speaks for other faults takes its share away.
    """
    weights = weights or VoterWeights()
    by_fault: dict[str, list[Hypothesis]] = defaultdict(list)
    for hypothesis in hypotheses:
        by_fault[hypothesis.fault].append(hypothesis)
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


def _support(hypotheses: Sequence[Hypothesis], weights: VoterWeights) -> float:
    surest: dict[str, float] = {}
    for one in hypotheses:
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
