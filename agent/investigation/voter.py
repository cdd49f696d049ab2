"""Investigations that were made in, hypotheses on what no rule could name out."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from agent.records.cases import Hypothesis
from agent.records.investigations import Investigation

_MOST = 200  # entities that are remembered; an incident that is over needs none


class InvestigationVoter:
    """Remembers what investigations said of the entity of an incident that nobody could name."""

    def __init__(self) -> None:
        self._by_entity: dict[str, tuple[Hypothesis, ...]] = {}
        self._lock = threading.Lock()

    def learn(self, entity: str, investigation: Investigation, names: frozenset[str]) -> None:
        """Take what was found of an incident's own entity; ``names`` is what it may be called."""
        found = tuple(
            Hypothesis(
                voter=f"investigation {voter}",
                fault=one["fault"],
                confidence=one["confidence"],
                evidence=tuple(one["evidence"]),
            )
            for one in investigation.report.get("diagnosis", ())
            if one["entity"] in names and one["fault"] != "unknown"
            for voter in [", ".join(one["voters"])]
        )
        with self._lock:
            self._by_entity.pop(entity, None)
            self._by_entity[entity] = found
            while len(self._by_entity) > _MOST:
                del self._by_entity[next(iter(self._by_entity))]

    def of(self, entity: str) -> Sequence[Hypothesis]:
        """Return what was found of an entity."""
        with self._lock:
            return self._by_entity.get(entity, ())
