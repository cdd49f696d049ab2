"""Open anomalies in, places where several agree that something is wrong and no rule says what out.

One anomaly opens no incident: every entity has some that mean nothing. A host must be unlike itself as a
whole and in one of its series by itself; a service must show two of its golden signals strange, its errors or
its latency among them. Both must last.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from agent.config.rulefiles import Signal
from agent.diagnose.live.symptoms import anomaly_symptom
from agent.quantity import format_value
from agent.records import Anomaly, Candidate, Frame

UNKNOWN = "unknown"

_LASTS = timedelta(minutes=5)
_SURE = 0.8  # of each anomaly that counts
_CONFIDENCE = 0.4  # as of the stock rules for what nobody knows: nothing may be run for it unasked
_SUFFERING = frozenset({"errors", "latency"})  # roles of what users of a service feel
_LEAST_ROLES = 2
_MOST_SYMPTOMS = 8


class UnknownFaults:
    """Knows the roles of signals."""

    def __init__(self, signals: Mapping[str, Signal]) -> None:
        self._signals = signals

    def find(
        self, frame: Frame, anomalies: Iterable[Anomaly], named: Sequence[Candidate]
    ) -> Iterable[Candidate]:
        """Yield a candidate for each entity whose anomalies agree, where nothing is ``named`` already."""
        explained = {one.entity for one in named} | {one.labels.get("host", "") for one in named}
        by_entity: dict[str, list[Anomaly]] = defaultdict(list)
        for one in anomalies:
            if one.confidence >= _SURE and frame.at - one.opened_at >= _LASTS and one.kind != "missing_data":
                by_entity[one.entity].append(one)
        for entity, some in by_entity.items():
            if not explained & {entity, *_hosts(some)} and self._agree(some):
                yield _candidate(entity, some)

    def _agree(self, some: Sequence[Anomaly]) -> bool:
        alone = [one for one in some if one.layer == "series"]
        if len(alone) < len(some):  # the entity as a whole
            return bool(alone)
        roles = {self._signals[one.signal].role for one in alone if one.signal in self._signals}
        return len(roles) >= _LEAST_ROLES and bool(roles & _SUFFERING)


def _hosts(some: Sequence[Anomaly]) -> set[str]:
    return {one.labels["host"] for one in some if one.labels.get("host")}


def _candidate(entity: str, some: Sequence[Anomaly]) -> Candidate:
    hosts = _hosts(some)
    labels = {"host": hosts.pop()} if len(hosts) == 1 else {}
    signals = ", ".join(dict.fromkeys(one.signal for one in some))
    return Candidate(
        fault=UNKNOWN,
        entity=entity,
        confidence=_CONFIDENCE,
        voters={"anomalies that agree": _CONFIDENCE},
        evidence=(f"{format_value(entity)} has been unlike itself for five minutes, in {signals}",),
        symptoms=tuple(anomaly_symptom(one) for one in some[:_MOST_SYMPTOMS]),
        labels=labels,
        identity=labels,
        lasts=_LASTS,
    )
