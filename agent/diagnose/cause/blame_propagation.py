"""A causal graph and where blame starts in, where it stays out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agent.diagnose.cause.graph import CausalGraph, NodeKey
from agent.records.metrics import FloatArray, IntArray

_STEPS = 40  # of propagation; 0.95 to the 40th is little enough


@dataclass(frozen=True, slots=True, eq=False)
class BlamePropagation:
    """The graph as arrays: link i passes ``share[i]`` of what is at ``effect[i]`` to ``cause[i]``."""

    keys: Sequence[NodeKey]
    effect: IntArray
    cause: IntArray
    share: FloatArray
    begin: FloatArray

    @classmethod
    def of(cls, graph: CausalGraph, start: Mapping[NodeKey, float]) -> BlamePropagation:
        """Make the arrays once; they are used for every suspect."""
        keys = list(graph.nodes)
        number = {key: index for index, key in enumerate(keys)}
        links = [link for key in keys for link in graph.links.get(key, ())]
        return cls(
            keys,
            np.array([number[link.effect] for link in links], dtype=np.intp),
            np.array([number[link.cause] for link in links], dtype=np.intp),
            np.array([link.share for link in links], dtype=np.float64),
            np.array([start.get(key, 0.0) for key in keys], dtype=np.float64),
        )

    def left(self) -> dict[str, float]:
        """Propagate blame; return what is left at each entity, summing to 1."""
        resting = self._run(self.share)
        left: dict[str, float] = defaultdict(float)
        for key, rest in zip(self.keys, resting, strict=True):
            left[key[0]] += float(rest)
        return dict(left)

    def arriving(self, entity: str) -> float:
        """Return which share of all blame comes by an entity: what its repair would take away."""
        own = np.array([key[0] == entity for key in self.keys], dtype=bool)
        kept = np.where(own[self.effect], 0.0, self.share) if len(self.share) else self.share
        return float(self._run(kept)[own].sum())

    def _run(self, share: FloatArray) -> FloatArray:
        size = len(self.keys)
        passed = np.bincount(self.effect, weights=share, minlength=size)
        moving: FloatArray = self.begin
        resting: FloatArray = np.zeros(size)
        for _ in range(_STEPS):
            resting = resting + moving * (1 - passed)
            moving = np.bincount(self.cause, moving[self.effect] * share, size).astype(np.float64)
        total: FloatArray = resting + moving
        return total
