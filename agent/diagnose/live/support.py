"""Candidates and open anomalies in, the candidates with what the entity models say about the same place out.

What no rule names is no symptom: nothing is opened, run or verified because of it. People see it beside the
diagnosis, and judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agent.quantity import format_value
from agent.records import Anomaly, Candidate

_MOST = 3


def with_support(candidates: Sequence[Candidate], anomalies: Sequence[Anomaly]) -> list[Candidate]:
    """Return the candidates, those on an entity or host that a model finds strange with a sentence on it."""
    found = [one for one in anomalies if one.layer == "entity"]
    if not found:
        return list(candidates)
    return [replace(one, support=_about(one, found)) for one in candidates]


def describe_entity_anomaly(anomaly: Anomaly) -> str:
    """Return an anomaly of a whole entity in words that do not change while it lasts."""
    named = ", ".join(dict.fromkeys((anomaly.signal, *anomaly.contributors)))
    return (
        f"{format_value(anomaly.entity)} as a whole is unlike itself since {anomaly.opened_at:%H:%M:%S} UTC, "
        f"most in {named}"
    )


def _about(candidate: Candidate, anomalies: Sequence[Anomaly]) -> tuple[str, ...]:
    host = candidate.labels.get("host")
    near = [
        one
        for one in anomalies
        if one.entity == candidate.entity or (host and host in (one.entity, one.labels.get("host")))
    ]
    near.sort(key=lambda one: (one.entity != candidate.entity, one.opened_at))
    return tuple(describe_entity_anomaly(one) for one in near[:_MOST])
