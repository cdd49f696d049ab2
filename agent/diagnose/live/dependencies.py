"""Edges in; whether one candidate's entity depends on another's out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache

from agent.records import Candidate
from agent.records.evidence import Edge

_FARTHEST = 6  # edges; what lies farther away is no neighbour in any useful sense
_NAMING_LABELS = ("host", "unit", "service", "instance", "pod", "backend", "server")


class Dependencies:
    """Knows who depends on whom, directly or through others."""

    def __init__(self, edges: Iterable[Edge] = ()) -> None:
        self._targets: Mapping[str, set[str]] = {}
        self.learn(edges)

    def learn(self, edges: Iterable[Edge]) -> None:
        """Go by these edges from now on."""
        targets: dict[str, set[str]] = defaultdict(set)
        for edge in edges:
            if edge.source != edge.target:
                targets[edge.source].add(edge.target)
        self._targets = dict(targets)
        self.reach = lru_cache(maxsize=16_384)(self._reach)

    def __bool__(self) -> bool:
        """Return whether any dependency is known."""
        return bool(self._targets)

    def _reach(self, name: str) -> frozenset[str]:
        """Return everything that a name depends on. Cycles end where they began."""
        found: set[str] = set()
        newest = {name}
        for _ in range(_FARTHEST):
            newest = {target for one in newest for target in self._targets.get(one, ())} - found
            found |= newest
        return frozenset(found)

    def depends(self, one: Candidate, other: Candidate) -> bool:
        """Return whether the first candidate's entity depends on the second's, on another host."""
        mine, theirs = names_of(one), names_of(other)
        if mine & theirs:
            return False
        return any(not self.reach(name).isdisjoint(theirs) for name in mine)


def names_of(candidate: Candidate) -> frozenset[str]:
    """Return every name an edge may call a candidate's entity by."""
    labelled = (candidate.labels.get(label, "") for label in _NAMING_LABELS)
    return frozenset(name for name in (candidate.entity, *labelled) if name)
