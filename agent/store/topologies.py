"""Versions of the topology, and which of them an incident was opened with."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert

from agent.records import Topology
from agent.records.evidence import Edge
from agent.store.documents import from_json, to_json
from agent.store.engine import Database
from agent.store.schema import incident_topologies, topologies

_Edges = list[tuple[str, str, str]]


class TopologyStore:
    """Keeps each version once, however many incidents were opened with it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, incident_id: int, topology: Topology, now: datetime) -> None:
        """Remember with which topology an incident was opened."""
        rows = sorted((edge.source, edge.target, edge.kind) for edge in topology.edges)
        version = topology.version
        with self._database.transaction() as connection:
            connection.execute(
                insert(topologies)
                .values(version=version, first_seen_at=now, edges=to_json(_Edges, rows))
                .on_conflict_do_nothing()
            )
            connection.execute(
                insert(incident_topologies)
                .values(incident_id=incident_id, version=version)
                .on_conflict_do_nothing()
            )

    def of_incident(self, incident_id: int) -> Topology | None:
        """Return the topology an incident was opened with, or None when none was known."""
        query = (
            select(topologies.c.edges)
            .join(incident_topologies, incident_topologies.c.version == topologies.c.version)
            .where(incident_topologies.c.incident_id == incident_id)
        )
        with self._database.reading() as connection:
            text = connection.execute(query).scalar()
        if text is None:
            return None
        edges = (Edge(source=one, target=other, kind=kind) for one, other, kind in from_json(_Edges, text))
        return Topology(edges=frozenset(edges))
