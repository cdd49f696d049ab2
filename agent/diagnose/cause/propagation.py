"""The graph of one incident in, how the trouble spread out: in which order, and what moves together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agent.diagnose.cause.graph import Node
from agent.diagnose.cause.rootcause import RootCauseAnalysis
from agent.records.metrics import FloatArray

_MOST_PAIRED = 12  # of the worst troubles are compared with each other
_TOGETHER = 0.8
_LONGEST_LAG = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """Two troubles whose courses are alike when the second is moved back by ``lag`` columns."""

    first: Node
    second: Node
    lag: int
    correlation: float


def find_pairings(nodes: Sequence[Node]) -> list[Pairing]:
    """Return pairs of troubles that move together, the closest first."""
    worst = sorted(nodes, key=lambda node: -node.severity)[:_MOST_PAIRED]
    found = []
    for index, one in enumerate(worst):
        for other in worst[index + 1 :]:
            lag, correlation = lagged_correlation(one.profile, other.profile)
            if correlation >= _TOGETHER:
                first, second = (one, other) if lag >= 0 else (other, one)
                found.append(Pairing(first=first, second=second, lag=abs(lag), correlation=correlation))
    return sorted(found, key=lambda pair: -pair.correlation)


def lagged_correlation(one: FloatArray, other: FloatArray) -> tuple[int, float]:
    """Return the lag (in columns, positive when ``one`` leads) of the highest correlation, and that."""
    best, best_lag = -1.0, 0
    most = max(0, min(_LONGEST_LAG, len(one) - 4))
    for lag in sorted(range(-most, most + 1), key=abs):
        a, b = (one[: len(one) - lag], other[lag:]) if lag >= 0 else (one[-lag:], other[: len(other) + lag])
        if not a.size or a.std() == 0 or b.std() == 0:
            continue
        correlation = float(np.corrcoef(a, b)[0, 1])
        if correlation > best + 0.01:  # a longer lag must be clearly better
            best, best_lag = correlation, lag
    return best_lag, max(best, 0.0)


def describe_propagation(analysis: RootCauseAnalysis) -> Mapping[str, Any]:
    """Return the order of onsets and the pairs that move together, as plain values."""
    table, nodes = analysis.observed.table, list(analysis.graph.nodes.values())
    dated = sorted((node for node in nodes if node.onset >= 0), key=lambda node: (node.onset, -node.severity))
    begin = float(table.times[dated[0].onset]) if dated else 0.0
    order = [
        {
            "entity": node.entity,
            "trouble": node.trouble.value,
            "after_s": float(table.times[node.onset]) - begin if table.clocked else None,
            "row": node.onset,
            "severity": round(node.severity, 3),
        }
        for node in dated[:50]
    ]
    step = float(np.median(np.diff(table.times))) if len(table.times) > 1 and table.clocked else None
    pairs = [
        {
            "first": [pair.first.entity, pair.first.trouble.value],
            "second": [pair.second.entity, pair.second.trouble.value],
            "lag_s": pair.lag * step if step is not None else None,
            "lag_rows": pair.lag,
            "correlation": round(pair.correlation, 3),
        }
        for pair in find_pairings(nodes)[:20]
    ]
    return {"order": order, "together": pairs}
