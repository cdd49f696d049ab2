"""An analysis and the voters in, the conclusion out: root causes, faults on them, what is not known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.diagnose.cause.explain import causal_path, explain_suspect
from agent.diagnose.cause.graph import Link
from agent.diagnose.cause.rootcause import RootCauseAnalysis, Suspect
from agent.diagnose.cause.validate import Validation, validate_suspect
from agent.diagnose.naming.cases import CaseVoter, Neighbour
from agent.diagnose.naming.classifier import FaultClassifier
from agent.diagnose.naming.fingerprint import fingerprint_of
from agent.diagnose.naming.voters import UNKNOWN_BELOW, Naming, VoterWeights, combine, next_question
from agent.records.cases import Fingerprint, Hypothesis, PastCase

_MOST_SUSPECTS = 20
_NAMED = 3  # suspects for which a fault is looked for
_WORTH_NAMING = 0.1
_SURE = 0.6  # from here on there is something better to do than to ask


@dataclass(frozen=True, slots=True, kw_only=True)
class RootCause:
    """One suspect with its evidence, what the data says against it, and the way its trouble took."""

    entity: str
    score: float
    evidence: Sequence[str]
    validation: Validation
    path: Sequence[Link]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A fault on an entity. ``confidence`` is that both are right."""

    fault: str
    entity: str
    confidence: float
    voters: Mapping[str, float]
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """What an analysis comes to. ``summary`` is one sentence; ``question`` what to look at next."""

    summary: str
    root_causes: Sequence[RootCause]
    findings: Sequence[Finding]
    similar: Sequence[Neighbour]
    fingerprint: Fingerprint
    question: str
    notes: Sequence[str]


def conclude(
    analysis: RootCauseAnalysis,
    cases: Sequence[PastCase],
    classifier: FaultClassifier | None,
    rule_hypotheses: Mapping[str, Sequence[Hypothesis]] | None = None,
    weights: VoterWeights | None = None,
    faults: Mapping[str, str] | None = None,
    more: Mapping[str, Fingerprint] | None = None,
) -> Conclusion:
    """Ask the voters about the likeliest suspects.

    ``faults`` are the catalogue's summaries by id, ``more`` is what was seen of an entity beside the
    observations, such as what its host answered.
    """
    suspects = analysis.suspects[:_MOST_SUSPECTS]
    voter = CaseVoter(cases)
    findings: list[Finding] = []
    seen: Fingerprint = {}
    similar: Sequence[Neighbour] = ()
    question, contradiction = "", ""
    for place, suspect in enumerate(suspects[:_NAMED]):
        print_of_it = {
            **fingerprint_of(analysis, suspect.entity),
            **(more or {}).get(suspect.entity, {}),
        }
        named = _name(print_of_it, suspect.entity, voter, classifier, rule_hypotheses, weights)
        if place == 0:
            seen, similar = print_of_it, voter.nearest(print_of_it)
            contradiction = voter.contradiction(print_of_it)
            likely = [one.fault for one in named[:3]]
            question = next_question(suspect.entity, seen, likely, cases)
        if place == 0 or suspect.score >= _WORTH_NAMING:
            findings += _findings(suspect, named, certainty(analysis))
    findings.sort(key=lambda one: (-one.confidence, one.entity, one.fault))
    if suspects and (not findings or findings[0].confidence < UNKNOWN_BELOW):
        findings.insert(0, _unknown(suspects[0], question))
    elif findings and findings[0].confidence >= _SURE:
        question = ""
    return Conclusion(
        summary=_summarise(analysis, findings, faults or {}),
        root_causes=[_root_cause(analysis, suspect) for suspect in suspects],
        findings=findings,
        similar=similar,
        fingerprint=seen,
        question=question,
        notes=[
            *analysis.observed.notes,
            *analysis.deviations.notes,
            *analysis.notes,
            *([contradiction] if contradiction else ()),
            *_disagreement(analysis),
        ],
    )


def _disagreement(analysis: RootCauseAnalysis) -> list[str]:
    """Return why the likeliest suspect is another than the one of which a rule is sure."""
    found = analysis.observed.findings
    if not analysis.suspects or not found or analysis.suspects[0].entity in found:
        return []
    first = analysis.suspects[0]
    named = max(found, key=lambda entity: found[entity].sure)
    share = f"{first.entity} accounts for {first.repaired:.0%} of what deviates"
    return [f"the rules are sure of {named}, but {share}"]


def certainty(analysis: RootCauseAnalysis) -> float:
    """Return 0..1: how clear it is that anything is wrong at all."""
    worst = max((node.severity for node in analysis.graph.nodes.values()), default=0.0)
    worst = max([worst, *(one.sure for one in analysis.observed.findings.values())])
    doubts = 0.9 ** len(analysis.deviations.notes) * 0.95 ** len(analysis.observed.notes)
    doubts *= 0.9 ** len(analysis.notes)
    return min(1.0, worst / 0.3) * doubts * (0.3 if analysis.guessed else 1.0)


def _name(
    seen: Fingerprint,
    entity: str,
    voter: CaseVoter,
    classifier: FaultClassifier | None,
    rule_hypotheses: Mapping[str, Sequence[Hypothesis]] | None,
    weights: VoterWeights | None,
) -> list[Naming]:
    hypotheses = [*(rule_hypotheses or {}).get(entity, ()), *voter.vote(seen)]
    if classifier is not None:
        hypotheses += classifier.vote(seen)
    return combine(hypotheses, weights)


def _findings(suspect: Suspect, named: Sequence[Naming], certain: float) -> list[Finding]:
    return [
        Finding(
            fault=one.fault,
            entity=suspect.entity,
            confidence=round(one.confidence * suspect.score * certain, 4),
            voters=one.voters,
            evidence=one.evidence,
        )
        for one in named[:3]
        if one.confidence >= 0.05
    ]


def _unknown(suspect: Suspect, question: str) -> Finding:
    return Finding(
        fault="unknown",
        entity=suspect.entity,
        confidence=0.0,
        voters={},
        evidence=("no voter is sure enough to name the fault", question),
    )


def _root_cause(analysis: RootCauseAnalysis, suspect: Suspect) -> RootCause:
    return RootCause(
        entity=suspect.entity,
        score=round(suspect.score * certainty(analysis), 4),
        evidence=explain_suspect(analysis, suspect),
        validation=validate_suspect(analysis, suspect),
        path=causal_path(analysis, suspect.entity),
    )


def _summarise(analysis: RootCauseAnalysis, findings: Sequence[Finding], faults: Mapping[str, str]) -> str:
    if not analysis.suspects:
        return "No series deviates from what is normal, so none tells where the trouble comes from."
    first = analysis.suspects[0]
    sure = certainty(analysis) * first.score
    likely = "very likely" if sure >= 0.75 else "likely" if sure >= 0.4 else "possibly"
    others = {key[0] for key, node in analysis.graph.nodes.items() if node.severity >= 0.2}
    others.discard(first.entity)
    affected = f"; {len(others)} other{'s are' if len(others) > 1 else ' is'} affected" if others else ""
    if not analysis.graph.nodes:
        affected = "; nothing else deviates"
    fault = findings[0].fault if findings and findings[0].entity == first.entity else "unknown"
    if fault == "unknown":
        return f"The trouble {likely} comes from {first.entity}, by a fault that is not known yet{affected}."
    what = faults.get(fault, fault)
    return f"The trouble {likely} comes from {first.entity}: {what[:1].lower() + what[1:]}{affected}."
