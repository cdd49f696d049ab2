"""History from a real Prometheus and a real VictoriaMetrics, and what the latter answers to us."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import requests

from agent.collect import FrameBuffer, PrometheusSource
from agent.collect.backfill import Wanted, read_history
from agent.collect.topology import TopologyReader
from agent.config.rulefiles import Signal
from agent.config.settings import DetectSection
from agent.config.sources import TopologySection
from agent.detect import SeriesDetector
from agent.errors import QueryError, SourceUnreachable
from tests.servers.process import free_port, wait_until
from tests.servers.victoriametrics import running_victoriametrics

STEP = timedelta(seconds=15)
SIGNAL = Signal(id="load", summary="s", query="load", role="saturation", entity="{instance}")


@pytest.fixture(scope="module")
def victoria(tmp_path_factory) -> Iterator[str]:
    with running_victoriametrics(tmp_path_factory.mktemp("victoria")) as url:
        yield url


@pytest.fixture
def source(victoria) -> Iterator[PrometheusSource]:
    opened = PrometheusSource(victoria, timedelta(seconds=5))
    yield opened
    opened.close()


def write(url, name, series, end, steps=480):
    """Write a sample of each series every 15 s until ``end``."""
    lines = [
        f'{name}{{instance="h{n}"}} {1 + n + (k % 5) / 10} {round((end - (steps - 1 - k) * 15) * 1000)}'
        for n in range(series)
        for k in range(steps)
    ]
    assert requests.post(f"{url}/api/v1/import/prometheus", data="\n".join(lines), timeout=20).ok
    requests.get(f"{url}/internal/force_flush", timeout=20)


def wanted(**span):
    return Wanted(span=timedelta(**span), step=STEP)


def test_victoriametrics_answers_instant_and_range_queries(victoria, source):
    end = time.time()
    write(victoria, "speed", 3, end, steps=20)
    wait_until(lambda: len(source.query("speed").values) == 3, 10, "not there")
    found = source.query_range(
        "speed", datetime.fromtimestamp(end - 120, UTC), datetime.fromtimestamp(end, UTC), STEP
    )
    assert {labels["instance"] for labels in found.labels} == {"h0", "h1", "h2"}
    assert all(value is not None for row in found.values for value in row)
    poll = source.poll({"load": "speed", "wrong": "sum(("})
    assert len(poll.answers["load"].values) == 3
    assert "refuses the query" in poll.failed["wrong"]
    with pytest.raises(QueryError):
        source.query("sum((")


def test_a_new_agent_knows_what_is_normal_from_the_history(victoria, source):
    end = time.time()
    write(victoria, "load", 4, end)
    wait_until(lambda: len(source.query("load").values) == 4, 10, "not there")
    signals = {"load": SIGNAL}
    buffer = FrameBuffer(signals, 480, 1000)
    detector = SeriesDetector(signals, DetectSection())
    began = time.monotonic()
    for poll in read_history(source, {"load": "load"}, wanted(hours=2)):
        frame = buffer.add(poll)
        detector.observe(frame)
    assert time.monotonic() - began < 30
    assert np.isfinite(frame.values).mean() > 0.95
    assert len(frame.series) == 4


def test_gaps_in_the_history_stay_gaps(victoria, source):
    end = time.time()
    write(victoria, "halved", 1, end - 1800, steps=80)
    wait_until(lambda: source.query_range("halved", _at(end - 2400), _at(end - 1800), STEP).labels, 10, "no")
    polls = list(read_history(source, {"load": "halved"}, wanted(hours=1)))
    present = [len(poll.answers["load"].values) for poll in polls]
    assert len(polls) == 240
    assert max(present) == 1
    assert sum(present[-60:]) == 0


def test_a_wrong_query_costs_its_own_history_only(victoria, source):
    end = time.time()
    write(victoria, "fine", 1, end, steps=100)
    wait_until(lambda: source.query("fine").values, 10, "not there")
    queries = {"wrong": "sum((", "load": "fine"}
    polls = list(read_history(source, queries, wanted(minutes=10)))
    assert all(set(poll.answers) == {"load"} for poll in polls)
    assert sum(len(poll.answers["load"].values) for poll in polls) > 30


def test_history_of_nobody_is_an_error_at_once():
    nobody = PrometheusSource(f"http://127.0.0.1:{free_port()}", timedelta(seconds=1))
    with pytest.raises(SourceUnreachable):
        next(read_history(nobody, {"a": "b"}, wanted(hours=1)))
    nobody.close()


def test_prometheus_gives_its_history_too(prometheus):
    prometheus.expose({'load{instance="a"}': 3.0})
    time.sleep(2)
    source = PrometheusSource(prometheus.url, timedelta(seconds=5))
    second = timedelta(seconds=1)
    polls = list(read_history(source, {"load": "load"}, Wanted(span=10 * second, step=second)))
    assert polls[-1].answers["load"].values == [3.0]
    source.close()


def _at(seconds):
    return datetime.fromtimestamp(seconds, UTC)


def test_service_graph_metrics_become_the_topology(prometheus):
    prometheus.expose({})
    section = TopologySection(edges=[("shop", "db")])
    source = PrometheusSource(prometheus.url, timedelta(seconds=5))
    reader = TopologyReader(section, source)
    graph = 'traces_service_graph_request_total{client="shop",server="cart"}'
    mesh = (
        'istio_requests_total{reporter="source",source_canonical_service="cart",'
        'destination_canonical_service="redis"}'
    )

    def pairs():
        return {(edge.source, edge.target) for edge in reader.read(datetime.now(UTC)).edges}

    for n in range(1, 4):
        prometheus.expose({graph: n * 10.0, mesh: n * 7.0})
    wait_until(
        lambda: pairs() == {("shop", "db"), ("shop", "cart"), ("cart", "redis")}, 10, lambda: str(pairs())
    )
    source.close()
