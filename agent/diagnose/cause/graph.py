"""The causal graph: what is wrong with whom, and who passes how much blame to whom.

A node is what is wrong with one entity in one respect: it answers late, answers wrongly, gets unusual
traffic, or runs short of something. A link says which share of a node's trouble another node accounts
for. Lateness and errors pass from callee to caller, so blame passes from caller to callee; traffic
passes the other way. What no other node accounts for stays where it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from agent.meaning import MetricRole
from agent.records.metrics import FloatArray


class Trouble(StrEnum):
    """In which respect an entity is not well."""

    LATENCY = "latency"
    ERRORS = "errors"
    SATURATION = "saturation"
    SURGE = "surge"  # more traffic than usual
    DROUGHT = "drought"  # less
    OTHER = "other"


FAILING = (Trouble.LATENCY, Trouble.ERRORS)
OF_ROLE = {
    MetricRole.LATENCY: Trouble.LATENCY,
    MetricRole.ERRORS: Trouble.ERRORS,
    MetricRole.AVAILABILITY: Trouble.ERRORS,
    MetricRole.SATURATION: Trouble.SATURATION,
    MetricRole.OTHER: Trouble.OTHER,
}
_LONGEST_LAG = 3  # columns by which a cause may lead its effect


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Node:
    """One trouble of one entity. ``profile`` is its course over time, ``rows`` its series, worst first."""

    entity: str
    trouble: Trouble
    severity: float
    profile: FloatArray
    onset: int
    rows: Sequence[int] = ()


NodeKey = tuple[str, Trouble]


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """``share`` of what is wrong with ``effect`` is accounted for by ``cause``; ``why`` says how we know."""

    effect: NodeKey
    cause: NodeKey
    share: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CausalGraph:
    """All nodes, and the links by the node they start from."""

    nodes: Mapping[NodeKey, Node]
    links: Mapping[NodeKey, Sequence[Link]] = field(default_factory=dict)
    vanished: frozenset[str] = frozenset()
    measured: Mapping[str, frozenset[Trouble]] = field(default_factory=dict)

    def course(self) -> FloatArray | None:
        """Return the course of the incident as a whole: of all that fails, the worse the more weight."""
        failing = [node for key, node in self.nodes.items() if key[1] in FAILING]
        chosen = failing or list(self.nodes.values())
        if not chosen:
            return None
        total: FloatArray = np.sum([node.severity * node.profile for node in chosen], axis=0)
        return total


def coincidence(effect: FloatArray, cause: FloatArray) -> float:
    """Return 0..1: how alike two courses are, the cause leading by up to three columns.

    The cosine, not the correlation: both are excesses over what is normal, and their zero has a meaning.
    """
    length = len(effect)
    size = float(np.linalg.norm(effect) * np.linalg.norm(cause))
    if size <= 0:
        return 0.0
    best = float(effect @ cause) / size
    for lag in range(1, min(_LONGEST_LAG, length // 3) + 1):
        led = float(effect[lag:] @ cause[:-lag]) / size
        best = max(best, led * (1 - 0.02 * lag))
    return min(1.0, best)
