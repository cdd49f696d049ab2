"""Candidates of all voters in, one candidate per fault and entity out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from agent.records import Candidate


def fuse(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Make one candidate of those that name the same fault on the same entity.

    The surest voice counts: rules look at the same samples, so their agreement proves little more.
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
        )
    return list(merged.values())
