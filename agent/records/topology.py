"""Who depends on whom, as it was at one time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from agent.records.evidence import Edge


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """All known dependencies. Two with the same edges are the same version."""

    edges: frozenset[Edge] = field(default_factory=frozenset)

    @property
    def version(self) -> str:
        """Return what stands for these edges: the same for the same edges, on every agent."""
        rows = sorted(f"{edge.source}\0{edge.target}\0{edge.kind}" for edge in self.edges)
        return hashlib.sha256("\n".join(rows).encode("utf-8", "replace")).hexdigest()[:16]
