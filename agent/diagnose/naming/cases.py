"""The voter that remembers: a fingerprint in, hypotheses from the nearest past cases out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent.diagnose.naming.fingerprint import similarity
from agent.records.cases import Fingerprint, Hypothesis, PastCase

_NEAREST = 5
_TOO_FAR = 0.25  # less in common than this is no resemblance
_AS_ALIKE = 0.95  # of the nearest one's likeness: what was another fault then contradicts it
_MUST_AGREE = 0.75  # cases within this share of the nearest one's likeness have a say


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A past case and how alike it is, in 0..1."""

    case: PastCase
    likeness: float


class CaseVoter:
    """Says what it was when things looked like this before."""

    def __init__(self, cases: Iterable[PastCase]) -> None:
        self._cases = tuple(cases)

    def nearest(self, seen: Fingerprint, most: int = _NEAREST) -> Sequence[Neighbour]:
        """Return the most alike cases, the most alike first."""
        found = [Neighbour(case, similarity(seen, case.fingerprint)) for case in self._cases]
        near = [one for one in found if one.likeness >= _TOO_FAR]
        return sorted(near, key=lambda one: (-one.likeness * one.case.weight, one.case.id))[:most]

    def vote(self, seen: Fingerprint) -> list[Hypothesis]:
        """Return a hypothesis per fault. Cases that look alike and contradict each other halve it."""
        near = self.nearest(seen)
        if not near:
            return []
        closest = near[0].likeness
        heard = [one for one in near if one.likeness >= _MUST_AGREE * closest]
        total = sum(one.likeness * one.case.weight for one in heard)
        by_fault: dict[str, list[Neighbour]] = defaultdict(list)
        for one in heard:
            by_fault[one.case.fault].append(one)
        return [
            Hypothesis(
                voter=f"case {members[0].case.id}",
                fault=fault,
                confidence=members[0].likeness
                * members[0].case.weight
                * sum(one.likeness * one.case.weight for one in members)
                / total,
                evidence=(_tell(members[0]),),
            )
            for fault, members in by_fault.items()
        ]

    def contradiction(self, seen: Fingerprint) -> str:
        """Return how the nearest cases contradict each other, or nothing."""
        near = self.nearest(seen)
        as_alike = [one for one in near if one.likeness >= _AS_ALIKE * near[0].likeness]
        other = next((one for one in as_alike if one.case.fault != near[0].case.fault), None)
        if other is None:
            return ""
        first = near[0].case
        return (
            f"past cases contradict each other: {first.id} was {first.fault}, "
            f"{other.case.id} looks as alike and was {other.case.fault}"
        )


def _tell(one: Neighbour) -> str:
    helped = f"; {', '.join(one.case.helped)} helped" if one.case.helped else ""
    summary = f" ({one.case.summary})" if one.case.summary else ""
    return f"{one.likeness:.0%} like case {one.case.id}{summary}{helped}"
