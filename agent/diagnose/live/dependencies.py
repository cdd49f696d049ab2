"""Edges in; what a name depends on, directly or through others, out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache

from agent.config.targetsignals import MONITORING, NETWORK
from agent.records import Candidate
from agent.records.evidence import Edge

_FARTHEST = 6  # edges; what lies farther away is no neighbour in any useful sense
_EVERYWHERE = frozenset({NETWORK, MONITORING})
_NAMING_LABELS = ("host", "unit", "service", "instance", "pod", "backend", "server")


class Dependencies:
    """Knows who depends on whom, directly or through others; everybody on the network and the monitoring."""

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

    def _reach(self, name: str) -> frozenset[str]:
        """Return everything that a name depends on. Cycles end where they began."""
        found = set(_EVERYWHERE)
        newest = {name}
        for _ in range(_FARTHEST):
            newest = {target for one in newest for target in self._targets.get(one, ())} - found
            found |= newest
        return frozenset(found)


def names_of(candidate: Candidate) -> frozenset[str]:
    """Return every name an edge may call a candidate's entity by."""
    labelled = (candidate.labels.get(label, "") for label in _NAMING_LABELS)
    return frozenset(name for name in (candidate.entity, *labelled) if name)
