"""Incidents whose fault was proved and what is held of voters in, how well they would be named now out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agent.diagnose.naming.cases import CaseVoter
from agent.diagnose.naming.voters import combine, learn_weights
from agent.records.cases import Outcome, PastCase
from agent.records.proposals import ProvedNaming, Quality


def replay(
    history: Sequence[ProvedNaming], outcomes: Iterable[Outcome], cases: Iterable[PastCase] = ()
) -> Quality:
    """Name each incident again by what its voters said then, as they are believed with these outcomes.

    ``cases`` vote too, but never on the incident that they are from.
    """
    weights = learn_weights(outcomes)
    cases = list(cases)
    right = brier = 0.0
    for one in history:
        voter = CaseVoter(case for case in cases if case.id != f"incident_{one.incident_id}")
        hypotheses = [*one.hypotheses, *voter.vote({f"signal:{source}": 1.0 for source in one.seen})]
        named = combine(hypotheses, weights)
        right += bool(named) and named[0].fault == one.fault
        said = {naming.fault: naming.confidence for naming in named}
        brier += sum((sure - (fault == one.fault)) ** 2 for fault, sure in {one.fault: 0.0, **said}.items())
    count = max(1, len(history))
    return Quality(right=right / count, brier=brier / count)
