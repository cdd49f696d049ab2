"""History from a real Prometheus and a real VictoriaMetrics, and what the latter answers to us."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import bcrypt
import numpy as np
import pytest
import requests

from agent.collect import FrameBuffer, PrometheusSource
from agent.collect.backfill import History, Wanted
from agent.collect.topology import TopologyReader
from agent.config.rulefiles import Signal, load_rules
from agent.config.settings import DetectSection
from agent.config.sources import PrometheusSection, TopologySection
from agent.detect import Engine
from agent.errors import QueryError, SourceError, SourceRefused, SourceUnreachable
from agent.meaning import is_counter_query
from agent.records.metadata import MetricMetadata
from tests.servers.certificates import make_certificates
from tests.servers.process import free_port, wait_until
from tests.servers.prometheus import running_prometheus
from tests.servers.victoriametrics import running_victoriametrics

STEP = timedelta(seconds=15)
FILES = {"shop": 0.97, "sshd": 7}
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


def test_a_process_that_lowered_its_own_file_limit_has_not_used_it_up(root, victoria, source):
    # seen of sshd, whose process for a stranger has a limit of 1 and 7 files open
    ratio = "namedprocess_namegroup_worst_fd_ratio"
    lines = [f'{ratio}{{instance="web1:9256",groupname="{name}"}} {value}' for name, value in FILES.items()]
    end = f" {round(time.time() * 1000)}"
    requests.post(
        f"{victoria}/api/v1/import/prometheus", data="\n".join(one + end for one in lines), timeout=20
    )
    requests.get(f"{victoria}/internal/force_flush", timeout=20)
    signals = load_rules([root / "rules"]).signals
    wait_until(lambda: len(source.query(ratio).values) == len(FILES), 60, "not there")
    found = source.query(signals["process_open_files"].query)
    assert list(found.values) == [0.97]


def wanted(**span):
    return Wanted(span=timedelta(**span), step=STEP)


def test_victoriametrics_answers_instant_and_range_queries(victoria, source):
    end = time.time()
    write(victoria, "speed", 3, end, steps=20)
    wait_until(lambda: len(source.query("speed").values) == 3, 60, "not there")
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


@pytest.mark.parametrize("engine", ["prometheus", "victoria"])
def test_signals_asked_for_in_batches_get_the_answers_they_get_alone(engine, request, prometheus):
    url = request.getfixturevalue(engine)
    if engine == "prometheus":
        url = prometheus.url
        prometheus.expose({f'batched{{n="{n}"}}': float(n) for n in range(3)})
    else:
        write(url, "batched", 3, time.time(), steps=20)
    queries = {
        "plain": "batched",
        "other": "batched * 2",
        "summed": "sum(batched)",
        "nothing": "no_such_metric",
        "scalar": "scalar(sum(batched))",
        "wrong": "sum((",
    }

    def poll(batch):
        section = PrometheusSection(url=url, batch=batch)
        source = PrometheusSource(section.url, section.timeout, section)
        polls = [source.poll(queries) for _ in range(2)]
        source.close()
        assert [set(one.failed) for one in polls] == [{"wrong"}] * 2
        return {
            signal: {
                (frozenset(labels.items()), value)
                for labels, value in zip(found.labels, found.values, strict=True)
            }
            for signal, found in polls[1].answers.items()
        }

    wait_until(lambda: len(poll(1)["plain"]) == 3, 60, "not there")
    assert poll(4) == poll(100) == poll(1)


def test_a_new_agent_knows_what_is_normal_from_the_history(victoria, source):
    end = time.time()
    write(victoria, "load", 4, end)
    wait_until(lambda: len(source.query("load").values) == 4, 60, "not there")
    signals = {"load": SIGNAL}
    buffer = FrameBuffer(signals, 480, 1000)
    detector = Engine(signals, DetectSection())
    began = time.monotonic()
    for poll in History(source, {"load": "load"}, wanted(hours=2)).recent():
        frame = buffer.add(poll)
        detector.observe(frame)
    assert time.monotonic() - began < 30
    assert np.isfinite(frame.values).mean() > 0.95
    assert len(frame.series) == 4


def test_gaps_in_the_history_stay_gaps(victoria, source):
    end = time.time()
    write(victoria, "halved", 1, end - 1800, steps=80)
    wait_until(lambda: source.query_range("halved", _at(end - 2400), _at(end - 1800), STEP).labels, 60, "no")
    polls = list(History(source, {"load": "halved"}, wanted(hours=1)).recent())
    present = [len(poll.answers["load"].values) for poll in polls]
    assert len(polls) == 240
    assert max(present) == 1
    assert sum(present[-60:]) == 0


def test_a_wrong_query_costs_its_own_history_only(victoria, source):
    end = time.time()
    write(victoria, "fine", 1, end, steps=100)
    wait_until(lambda: source.query("fine").values, 60, "not there")
    queries = {"wrong": "sum((", "load": "fine"}
    polls = list(History(source, queries, wanted(minutes=10)).recent())
    assert all(set(poll.answers) == {"load"} for poll in polls)
    assert sum(len(poll.answers["load"].values) for poll in polls) > 30


def test_history_of_nobody_is_an_error_at_once():
    nobody = PrometheusSource(f"http://127.0.0.1:{free_port()}", timedelta(seconds=1))
    with pytest.raises(SourceUnreachable):
        History(nobody, {"a": "b"}, wanted(hours=1))
    nobody.close()


def test_prometheus_gives_its_history_too(prometheus):
    prometheus.expose({'load{instance="a"}': 3.0})
    time.sleep(2)
    source = PrometheusSource(prometheus.url, timedelta(seconds=5))
    second = timedelta(seconds=1)
    polls = list(History(source, {"load": "load"}, Wanted(span=10 * second, step=second)).recent())
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


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A real Prometheus that wants a certificate of its clients, and a password."""
    folder = make_certificates(tmp_path_factory.mktemp("tls"))
    secret = bcrypt.hashpw(b"open sesame", bcrypt.gensalt(4)).decode()
    tls = {"cert_file": "good.crt", "key_file": "good.key"}
    asked = {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": "ca.crt"}
    access = {
        "verify": str(folder / "ca.crt"),
        "cert": (str(folder / "client.crt"), str(folder / "client.key")),
        "auth": ("anna", "open sesame"),
    }
    web = {"tls_server_config": {**tls, **asked}, "basic_auth_users": {"anna": secret}}
    with running_prometheus(folder, web=web, **access) as server:
        (folder / "password").write_text("open sesame\n")
        yield server.url, folder


def ask(guarded, password="password", **left_out):
    url, folder = guarded
    files = {"ca_file": "ca.crt", "cert_file": "client.crt", "key_file": "client.key"}
    section = PrometheusSection(
        url=url,
        username="anna",
        password_file=folder / password,
        **{name: folder / file for name, file in files.items() if name not in left_out},
    )
    source = PrometheusSource(section.url, section.timeout, section)
    try:
        return source.query("vector(7)").values
    finally:
        source.close()


def test_a_guarded_prometheus_lets_us_in_with_certificate_and_password(guarded):
    assert ask(guarded) == [7.0]


def test_without_what_it_asks_for_the_setting_is_named(guarded):
    (guarded[1] / "wrong").write_text("sesame")
    with pytest.raises(SourceRefused, match=r"401.*collect\.prometheus\.password_file"):
        ask(guarded, password="wrong")
    with pytest.raises(SourceRefused, match=r"collect\.prometheus\.ca_file"):
        ask(guarded, ca_file=None)
    with pytest.raises(SourceError, match=r"collect\.prometheus\.cert_file: does it want"):
        ask(guarded, cert_file=None, key_file=None)


def test_history_is_read_when_the_source_comes_later_than_the_agent(workshop, tmp_path):
    port = free_port()
    workshop.config["collect"]["prometheus"] = {"url": f"http://127.0.0.1:{port}", "seasons": "0s"}
    process = workshop.start()
    try:
        wait_until(lambda: "no history for now" in workshop.log(), 60, workshop.log)
        (tmp_path / "late").mkdir()
        with running_prometheus(tmp_path / "late", port=port) as late:
            late.expose({"test_healthy": 1})
            wait_until(lambda: "normal is known" in workshop.log(), 60, workshop.log)
    finally:
        process.terminate()
        process.wait(timeout=30)
    assert workshop.log().count("no history for now") == 1


def test_what_prometheus_says_of_its_metrics_tells_the_agent_which_of_them_count(prometheus):
    told = "# HELP frames_decoded Frames so far.\n# TYPE frames_decoded counter\nframes_decoded"
    prometheus.expose({told: 5, "# TYPE queue_total gauge\nqueue_total": 5})
    source = PrometheusSource(prometheus.url, timedelta(seconds=5))
    metadata = source.metadata()
    source.close()
    assert metadata["frames_decoded"] == MetricMetadata("counter", "", "Frames so far.")
    assert is_counter_query("frames_decoded", metadata)
    assert not is_counter_query("queue_total", metadata)


def test_a_source_that_keeps_no_metadata_says_nothing_of_metrics(victoria, source):
    assert source.metadata() == {}
