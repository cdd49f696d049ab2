"""Edges in; whether they point the wrong way, and the edges from caller to callee out.

Some sources write who is called first. Two things tell: what has resources but serves nobody, such as a
node or a volume, is depended on and depends on nobody that serves; and a log line that names another
service is nearly always written by the caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agent.diagnose.cause.logevidence import LogEvidence
from agent.meaning import MetricRole
from agent.records.evidence import Edge

_SERVING = frozenset({MetricRole.TRAFFIC, MetricRole.LATENCY, MetricRole.ERRORS, MetricRole.AVAILABILITY})
_FEWEST = 3  # signs against the edges, and ...
_CLEARLY = 3.0  # ... so many times those for them, before anybody is told that the file is wrong


def orient(
    edges: Sequence[Edge], entities: Sequence[str], roles: Sequence[MetricRole], logs: LogEvidence
) -> tuple[list[Edge], str]:
    """Return the edges as they must be meant, and a note when they were turned round."""
    serving = {entity for entity, role in zip(entities, roles, strict=True) if role in _SERVING}
    resources = set(entities) - serving
    named = {(entity, name) for entity in logs.complaints for name in logs.blamed_by(entity)}
    forward = backward = 0
    for edge in edges:
        if edge.kind == "placement":
            continue
        forward += edge.source in serving and edge.target in resources
        backward += edge.source in resources and edge.target in serving
        forward += (edge.source, edge.target) in named
        backward += (edge.target, edge.source) in named
    if backward < _FEWEST or backward < _CLEARLY * forward:
        return list(edges), ""
    turned = [
        edge if edge.kind == "placement" else replace(edge, source=edge.target, target=edge.source)
        for edge in edges
    ]
    return (
        turned,
        "the topology's edges point from callee to caller, by all that is seen; read the other way round",
    )
