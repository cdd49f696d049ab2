"""Deviations and log evidence in, the nodes of the causal graph out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from agent.diagnose.cause.deviations import Deviations
from agent.diagnose.cause.graph import OF_ROLE, Node, NodeKey, Trouble
from agent.diagnose.cause.logevidence import Complaint, LogEvidence
from agent.diagnose.cause.surprise import CAP
from agent.meaning import MetricRole
from agent.records.metrics import FloatArray

_VANISHED, _VANISHED_Z = 0.9, 100.0  # severity and deviation of what is not heard of any more
_DOUBT = 0.5  # digits of surprise about log lines up to which nothing follows


def make_nodes(deviations: Deviations, logs: LogEvidence, vanished: Mapping[str, int]) -> dict[NodeKey, Node]:
    """Return what is wrong with whom; ``vanished`` are entities and since when they are silent."""
    rows: dict[NodeKey, list[int]] = defaultdict(list)
    for row in np.flatnonzero(deviations.severity > 0):
        rows[_key(deviations, int(row))].append(int(row))
    nodes = {key: _node(key, members, deviations) for key, members in rows.items()}
    for entity, column in vanished.items():
        profile = np.zeros(len(deviations.table.times))
        profile[column:] = np.sqrt(_VANISHED_Z)
        nodes[entity, Trouble.ERRORS] = Node(
            entity=entity, trouble=Trouble.ERRORS, severity=_VANISHED, profile=profile, onset=column
        )
    for entity, profile in logs.profiles.items():
        node = _log_node(entity, profile, deviations.start, logs.complaints.get(entity, ()))
        if node is None:
            continue
        known = nodes.get((entity, Trouble.ERRORS))
        if known is None or known.severity < node.severity:
            rows_of = known.rows if known else ()
            nodes[entity, Trouble.ERRORS] = Node(
                entity=entity, trouble=Trouble.ERRORS, severity=node.severity, profile=node.profile,
                onset=node.onset, rows=rows_of,
            )  # fmt: skip
    return nodes


def find_vanished(deviations: Deviations) -> dict[str, int]:
    """Return entities of which nothing is heard any more, with the column of the first silence.

    Every series must have been there before and be missing to the end; a lone series of an entity may
    just have been renamed, and nothing follows from gaps when nearly everything has them.
    """
    values, start = deviations.table.values, deviations.start
    if not 0 < start < values.shape[1] - 1:
        return {}
    there = ~np.isnan(values)
    last = np.where(there.any(axis=1), values.shape[1] - np.argmax(there[:, ::-1], axis=1), 0)
    gone = (there[:, :start].mean(axis=1) > 0.8) & (last < values.shape[1] - 1)
    if gone.mean() > 0.5:
        return {}
    rows: dict[str, list[int]] = defaultdict(list)
    for row, entity in enumerate(deviations.table.entities):
        rows[entity].append(row)
    return {
        entity: int(max(last[own]))
        for entity, own in rows.items()
        if len(own) > 1 and gone[own].all() and max(last[own]) >= start - 1
    }


def _key(deviations: Deviations, row: int) -> NodeKey:
    role = deviations.roles[row]
    if role is MetricRole.TRAFFIC:
        trouble = Trouble.SURGE if deviations.direction[row] > 0 else Trouble.DROUGHT
    else:
        trouble = OF_ROLE[role]
    return deviations.table.entities[row], trouble


def _node(key: NodeKey, rows: list[int], deviations: Deviations) -> Node:
    rows = sorted(rows, key=lambda row: -deviations.severity[row])
    weights = deviations.severity[rows[:8]]
    profile = np.sqrt(deviations.z[rows[:8]]).T @ weights / weights.sum()
    profile[: deviations.start] *= 0.5  # what is seen only before the incident explains little of it
    onsets = [deviations.onset[row] for row in rows if deviations.onset[row] >= 0]
    return Node(
        entity=key[0],
        trouble=key[1],
        severity=float(deviations.severity[rows[0]]),
        profile=profile,
        onset=int(min(onsets)) if onsets else -1,
        rows=tuple(rows),
    )


def _log_node(entity: str, counts: FloatArray, start: int, complaints: Sequence[Complaint]) -> Node | None:
    digits = max((min(1.0, one.weight) * min(one.digits, CAP) for one in complaints), default=0.0)
    severity = float(np.clip((digits - _DOUBT) / (CAP - _DOUBT), 0.0, 1.0))
    if severity <= 0:
        return None
    usual = float(counts[:start].mean()) if start else 0.0
    z = np.maximum(counts - usual, 0) / np.sqrt(usual + 0.25)
    first = np.flatnonzero(z[start:] > 1.0)
    onset = start + int(first[0]) if first.size else -1
    return Node(entity=entity, trouble=Trouble.ERRORS, severity=severity, profile=np.sqrt(z), onset=onset)
