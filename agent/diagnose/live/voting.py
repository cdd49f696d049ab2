"""Candidates of the rules in, believed as far as their past allows; where unsure, what others say out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import reduce
from operator import or_

from agent.diagnose.live.fuse import still_to_come
from agent.diagnose.naming.cases import CaseVoter
from agent.diagnose.naming.classifier import FaultClassifier
from agent.diagnose.naming.fingerprint import features_of_symptoms, fingerprint_of_symptoms
from agent.diagnose.naming.voters import VoterWeights, combine
from agent.records import Candidate, Symptom
from agent.records.cases import Fingerprint, Hypothesis, PastCase

_SURE = 0.6  # a rule this sure needs no advice, and gets no delay
_WORTH_SAYING = 0.5
_NOBODY_KNOWS = frozenset({"unknown", "unknown_alert"})
_PLAIN_TRUST = 0.97  # one failure in a long record changes nothing that anybody needs to hear of

CaseBook = Callable[[], Sequence[PastCase]]


class VotingEnsemble:
    """Asks cases and models about entities that no rule is sure about.

    ``trained`` gives None while no model was trained here; the ``classifier`` of a file votes then.
    """

    def __init__(
        self,
        cases: CaseBook,
        classifier: FaultClassifier | None = None,
        weights: Callable[[], VoterWeights] = VoterWeights,
        investigations: Callable[[str], Sequence[Hypothesis]] = lambda entity: (),
        trained: Callable[[Fingerprint], Sequence[Hypothesis] | None] = lambda seen: None,
    ) -> None:
        self._cases = cases
        self._classifier = classifier
        self._weights = weights
        self._investigations = investigations
        self._trained = trained

    def vote(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return the candidates, with more where rules are unsure and others know better."""
        weights = self._weights()
        candidates = [_believed(one, weights) for one in candidates]
        by_entity: dict[str, list[Candidate]] = defaultdict(list)
        for candidate in candidates:
            by_entity[candidate.entity].append(candidate)
        unsure = [own for own in by_entity.values() if not any(_is_sure(one) for one in own)]
        if not unsure:
            return candidates
        voter = CaseVoter(self._cases())
        return [*candidates, *(found for own in unsure for found in self._ask(own, voter, weights))]

    def _ask(self, own: Sequence[Candidate], voter: CaseVoter, weights: VoterWeights) -> Iterable[Candidate]:
        symptoms: tuple[Symptom, ...] = tuple(dict.fromkeys(s for one in own for s in one.symptoms))
        seen = fingerprint_of_symptoms(symptoms)
        hypotheses = [
            Hypothesis(voter=name, fault=one.fault, confidence=confidence, evidence=one.evidence)
            for one in own
            if one.fault not in _NOBODY_KNOWS
            for name, confidence in one.voters.items()
        ]
        hypotheses += voter.vote(seen)
        hypotheses += self._investigations(own[0].entity)
        hypotheses += self._ask_model(symptoms, seen)
        for named in combine(hypotheses, weights):
            if named.confidence >= _WORTH_SAYING:
                yield Candidate(
                    fault=named.fault,
                    entity=own[0].entity,
                    confidence=round(named.confidence, 3),
                    voters=named.voters,
                    evidence=named.evidence,
                    symptoms=symptoms,
                    labels=own[0].labels,
                    identity=own[0].identity,
                    lasts=max(one.lasts for one in own),
                    harm=reduce(or_, (one.harm for one in own)),
                    foreseen=still_to_come(own),
                )

    def _ask_model(self, symptoms: Sequence[Symptom], seen: Fingerprint) -> Sequence[Hypothesis]:
        """Return what the model says that was trained on this agent's incidents, else the one of a file."""
        said = self._trained(features_of_symptoms(symptoms))
        if said is not None:
            return said
        return self._classifier.vote(seen) if self._classifier is not None else ()


def _is_sure(candidate: Candidate) -> bool:
    return candidate.fault not in _NOBODY_KNOWS and candidate.confidence >= _SURE


def _believed(candidate: Candidate, weights: VoterWeights) -> Candidate:
    """Return a candidate with no more confidence than what came of its voters' words so far allows."""
    trust = max((weights.trust(voter) for voter in candidate.voters), default=1.0)
    if trust >= _PLAIN_TRUST:
        return candidate
    told = "; ".join(
        f"{voter} was right in {weights.heard[voter][0]:.0f} of {weights.heard[voter][1]:.0f} cases so far"
        for voter in candidate.voters
        if voter in weights.heard
    )
    return replace(
        candidate,
        confidence=round(candidate.confidence * trust, 3),
        evidence=(*candidate.evidence, *([told] if told else ())),
    )
