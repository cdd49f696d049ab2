"""Candidates of all voters in, one candidate per fault and entity out, ranked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from agent.config.rulefiles import Fault
from agent.records import Candidate


def fuse(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Make one candidate of those that name the same fault on the same entity.

    The surest voice counts: rules look at the same samples, so their agreement proves little more.
    """
    merged: dict[tuple[str, str], Candidate] = {}
    for candidate in candidates:
        key = (candidate.fault, candidate.entity)
        known = merged.get(key)
        if known is None:
            merged[key] = candidate
            continue
        first, second = sorted((known, candidate), key=lambda c: -c.confidence)
        merged[key] = replace(
            first,
            voters={**second.voters, **first.voters},
            evidence=tuple(dict.fromkeys(first.evidence + second.evidence)),
            symptoms=tuple(dict.fromkeys(first.symptoms + second.symptoms)),
            labels={**second.labels, **first.labels},
            support=tuple(dict.fromkeys(first.support + second.support)),
        )
    return list(merged.values())


def rank(candidates: Iterable[Candidate], faults: Mapping[str, Fault]) -> tuple[Candidate, ...]:
    """Put the likeliest root first: what no other candidate explains, then the surest."""
    all_of_them = list(candidates)
    explained = {
        id(candidate)
        for candidate in all_of_them
        for other in all_of_them
        if other is not candidate and explains(other.fault, candidate.fault, faults)
    }
    return tuple(sorted(all_of_them, key=lambda c: (id(c) in explained, -c.confidence, c.fault, c.entity)))


def explains(cause: str, effect: str, faults: Mapping[str, Fault]) -> bool:
    """Return whether the catalogue says that one fault leads to another, directly or by others."""
    seen: set[str] = set()
    todo = [cause]
    while todo:
        fault = faults.get(todo.pop())
        for follower in fault.causes if fault else ():
            if follower == effect:
                return True
            if follower not in seen:
                seen.add(follower)
                todo.append(follower)
    return False
