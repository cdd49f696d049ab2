"""Candidates of all voters in, one candidate per fault and entity out."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from agent.records import Candidate
from agent.records.forecasts import Remaining, soonest


def fuse(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Make one candidate of those that name the same fault on the same entity.

    The surest voice counts: rules look at the same samples, so their agreement proves little more. What one
    of them sees is not foreseen any more.
    """
    merged: dict[tuple[str, str], Candidate] = {}
    for candidate in candidates:
        known = merged.get(candidate.key)
        if known is None:
            merged[candidate.key] = candidate
            continue
        first, second = sorted((known, candidate), key=lambda c: -c.confidence)
        merged[candidate.key] = replace(
            first,
            voters={**second.voters, **first.voters},
            evidence=tuple(dict.fromkeys(first.evidence + second.evidence)),
            symptoms=tuple(dict.fromkeys(first.symptoms + second.symptoms)),
            labels={**second.labels, **first.labels},
            support=tuple(dict.fromkeys(first.support + second.support)),
            identity={**second.identity, **first.identity},
            lasts=max(first.lasts, second.lasts),
            harm=first.harm | second.harm,
            foreseen=still_to_come((first, second)),
        )
    return list(merged.values())


def still_to_come(candidates: Collection[Candidate]) -> Remaining | None:
    """Return the soonest of what is foreseen, or None where one of the candidates is there already."""
    if any(one.foreseen is None for one in candidates):
        return None
    return soonest(*(one.foreseen for one in candidates))
