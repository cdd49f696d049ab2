"""Inquiries that were made in, opinions on what no rule could name out."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from agent.records.cases import Opinion
from agent.records.inquiries import Inquiry

_MOST = 200  # entities that are remembered; an incident that is over needs none


class InquiryOpinions:
    """Remembers what inquiries said of the entity of an incident that nobody could name."""

    def __init__(self) -> None:
        self._by_entity: dict[str, tuple[Opinion, ...]] = {}
        self._lock = threading.Lock()

    def learn(self, entity: str, inquiry: Inquiry, names: frozenset[str]) -> None:
        """Take what an inquiry found of an incident's own entity; ``names`` is what it may be called."""
        found = tuple(
            Opinion(
                voter=f"inquiry {voter}",
                fault=one["fault"],
                confidence=one["confidence"],
                evidence=tuple(one["evidence"]),
            )
            for one in inquiry.report.get("diagnosis", ())
            if one["entity"] in names and one["fault"] != "unknown"
            for voter in [", ".join(one["voters"])]
        )
        with self._lock:
            self._by_entity.pop(entity, None)
            self._by_entity[entity] = found
            while len(self._by_entity) > _MOST:
                del self._by_entity[next(iter(self._by_entity))]

    def of(self, entity: str) -> Sequence[Opinion]:
        """Return what was found of an entity."""
        with self._lock:
            return self._by_entity.get(entity, ())
