"""Candidates of the rules in; where these are unsure, what past cases and the classifier say as well out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from agent.diagnose.cases import CaseVoter
from agent.diagnose.classifier import FaultClassifier
from agent.diagnose.fingerprint import fingerprint_of_symptoms
from agent.diagnose.voters import VoterWeights, combine
from agent.records import Candidate, Symptom
from agent.records.cases import Opinion, PastCase

_SURE = 0.6  # a rule this sure needs no advice, and gets no delay
_WORTH_SAYING = 0.5
_NOBODY_KNOWS = "unknown"

CaseBook = Callable[[], Sequence[PastCase]]


class Advisor:
    """Asks cases and classifier about entities that no rule is sure about."""

    def __init__(
        self,
        cases: CaseBook,
        classifier: FaultClassifier | None = None,
        weights: VoterWeights | None = None,
    ) -> None:
        self._cases = cases
        self._classifier = classifier
        self._weights = weights or VoterWeights()

    def advise(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return the candidates, with more where rules are unsure and others know better."""
        by_entity: dict[str, list[Candidate]] = defaultdict(list)
        for candidate in candidates:
            by_entity[candidate.entity].append(candidate)
        unsure = [own for own in by_entity.values() if not any(_is_sure(one) for one in own)]
        if not unsure:
            return list(candidates)
        voter = CaseVoter(self._cases())
        return [*candidates, *(found for own in unsure for found in self._ask(own, voter))]

    def _ask(self, own: Sequence[Candidate], voter: CaseVoter) -> Iterable[Candidate]:
        symptoms: tuple[Symptom, ...] = tuple(dict.fromkeys(s for one in own for s in one.symptoms))
        seen = fingerprint_of_symptoms(symptoms)
        opinions = [
            Opinion(voter=name, fault=one.fault, confidence=confidence, evidence=one.evidence)
            for one in own
            if one.fault != _NOBODY_KNOWS
            for name, confidence in one.voters.items()
        ]
        opinions += voter.vote(seen)
        if self._classifier is not None:
            opinions += self._classifier.vote(seen)
        for named in combine(opinions, self._weights):
            if named.confidence >= _WORTH_SAYING:
                yield Candidate(
                    fault=named.fault,
                    entity=own[0].entity,
                    confidence=round(named.confidence, 3),
                    voters=named.voters,
                    evidence=named.evidence,
                    symptoms=symptoms,
                    labels=own[0].labels,
                )


def _is_sure(candidate: Candidate) -> bool:
    return candidate.fault != _NOBODY_KNOWS and candidate.confidence >= _SURE
