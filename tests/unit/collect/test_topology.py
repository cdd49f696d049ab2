"""Who calls whom, from settings and metrics."""

from datetime import UTC, datetime, timedelta

import pytest

from agent.collect.base import Answer
from agent.collect.topology import TopologyReader
from agent.config.sources import TopologySection
from agent.errors import QueryError, SourceUnreachable

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
CALLS = {"query": "calls", "caller": "from", "callee": "to"}


class Source:
    """Answers each query with label sets, or an error."""

    def __init__(self, **answers):
        self.answers = answers

    def query(self, expression, at=None):
        name = expression if expression in self.answers else ("traces" if "traces" in expression else "istio")
        answer = self.answers.get(name, [])
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Answer):
            return answer
        return Answer(0.0, answer, [1.0] * len(answer))


def pairs(topology):
    return {(edge.source, edge.target) for edge in topology.edges}


def reader(source, **section):
    return TopologyReader(TopologySection.model_validate(section), source)


def test_edges_come_from_settings_service_graphs_and_labels():
    source = Source(
        traces=[{"client": "shop", "server": "cart"}, {"client": "user", "server": "shop"}],
        istio=[{"source_canonical_service": "cart", "destination_canonical_service": "redis"}],
        calls=[{"from": "cart", "to": "stock"}, {"from": "cart"}, {"from": "cart", "to": "cart"}],
    )
    found = reader(source, edges=[["shop", "db"]], queries=[CALLS]).read(NOW)
    assert pairs(found) == {("shop", "db"), ("shop", "cart"), ("cart", "redis"), ("cart", "stock")}


def test_nothing_is_asked_where_nothing_shall_be_discovered():
    assert pairs(reader(Source(traces=[{"client": "a", "server": "b"}]), discover=False).read(NOW)) == set()


def test_an_edge_is_forgotten_when_it_was_long_not_seen():
    source = Source(traces=[{"client": "a", "server": "b"}])
    one = reader(source, forget="1h")
    one.read(NOW)
    source.answers = {}
    assert pairs(one.read(NOW + timedelta(minutes=59))) == {("a", "b")}
    assert pairs(one.read(NOW + timedelta(minutes=61))) == set()


@pytest.mark.parametrize(
    "error", [SourceUnreachable("down"), QueryError("wrong"), Answer(0.0, [], [], partial="a store is down")]
)
def test_a_source_that_does_not_answer_takes_no_edge_away(error):
    source = Source(traces=[{"client": "a", "server": "b"}])
    one = reader(source, forget="1h")
    one.read(NOW)
    source.answers = {"traces": error}
    assert pairs(one.read(NOW + timedelta(days=1))) == {("a", "b")}


def test_the_same_edges_are_the_same_version():
    one = reader(Source(), edges=[["a", "b"], ["b", "c"]]).read(NOW)
    other = reader(Source(traces=[{"client": "b", "server": "c"}]), edges=[["a", "b"]]).read(NOW)
    assert one.version == other.version
    assert one.version != reader(Source(), edges=[["a", "b"]]).read(NOW).version
