"""Settings and service-graph metrics in, the topology out: who calls whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from agent.collect.base import Answer
from agent.config.sources import TopologyQuery, TopologySection
from agent.errors import QueryError, SourceError
from agent.log import Logger
from agent.records import Topology
from agent.records.evidence import Edge

log = Logger("topology")

_MOST_EDGES = 20_000
# what writes service graphs: Tempo and the OpenTelemetry collector, and Istio
_KNOWN = (
    TopologyQuery(
        query="sum by (client, server) (rate(traces_service_graph_request_total[5m])) > 0",
        caller="client",
        callee="server",
    ),
    TopologyQuery(
        query=(
            "sum by (source_canonical_service, destination_canonical_service) "
            '(rate(istio_requests_total{reporter="source"}[5m])) > 0'
        ),
        caller="source_canonical_service",
        callee="destination_canonical_service",
    ),
)
_NOBODY = frozenset({"", "unknown", "user"})  # what they write when a side is not known


class QuerySource(Protocol):
    """A place that evaluates PromQL."""

    def query(self, expression: str, at: datetime | None = None) -> Answer:
        """Evaluate an expression now. Raises SourceError."""


class TopologyReader:
    """Keeps the edges of the settings, and those that metrics have shown of late."""

    def __init__(self, section: TopologySection, source: QuerySource) -> None:
        self._section = section
        self._source = source
        self._fixed = frozenset(Edge(source=caller, target=callee) for caller, callee in section.edges)
        self._queries = (*section.queries, *(_KNOWN if section.discover else ()))
        self._seen: dict[Edge, datetime] = {}
        self._trouble: str | None = None

    def read(self, now: datetime) -> Topology:
        """Ask the source and return what is known now. A source that does not answer takes nothing away."""
        trouble = None
        for one in self._queries:
            try:
                answer = self._source.query(one.query)
                self._seen.update(dict.fromkeys(_edges(answer, one), now))
                trouble = trouble or answer.partial or None
            except SourceError as error:
                trouble = (
                    f"{error} (collect.topology.queries)" if isinstance(error, QueryError) else str(error)
                )
        kept = sorted(self._seen.items(), key=lambda item: item[1])[-_MOST_EDGES:]
        # while the source does not answer nobody knows what is gone
        self._seen = {edge: at for edge, at in kept if trouble or now - at <= self._section.forget}
        if trouble != self._trouble and trouble is not None:
            log.warning("the topology cannot be read for now", why=trouble)
        self._trouble = trouble
        return Topology(edges=self._fixed | self._seen.keys())


def _edges(answer: Answer, query: TopologyQuery) -> Sequence[Edge]:
    pairs = ((_name(labels, query.caller), _name(labels, query.callee)) for labels in answer.labels)
    return [
        Edge(source=caller, target=callee)
        for caller, callee in pairs
        if caller not in _NOBODY and callee not in _NOBODY and caller != callee
    ]


def _name(labels: Mapping[str, str], label: str) -> str:
    return labels.get(label, "")[:200]
