"""An answer is believed for what it says of itself: whole, in part, or refused for a few of its series."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import numpy as np
import pytest

from agent.collect import PrometheusSource
from agent.collect.frame import FrameBuffer
from agent.collect.scrapes import NEWEST
from agent.config.sources import PrometheusSection
from tests.make import signal

SAMPLE = {"metric": {"instance": "web1:9100"}, "value": [1_700_000_000, "0.5"]}
PLAIN, SUM = "free", "sum(free)"
TWINS = (
    'found duplicate series for the match group {instance="web1:9100"} on the right hand-side of the '
    "operation: [{}, {}];many-to-many matching not allowed: matching labels must be unique on one side"
)


class FakePrometheus:
    """Answers every query with one sample and what ``more`` adds, but for those that ``special`` knows."""

    def __init__(self, more=None, special=None):
        self.more, self.special = more or {}, special or {}
        self.forms: list[dict[str, list[str]]] = []

    @contextmanager
    def source(self, batch: int = 1) -> Iterator[PrometheusSource]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                fake.forms.append(form)
                status, body = fake.answer(form["query"][0])
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            url = f"http://127.0.0.1:{server.server_address[1]}"
            section = PrometheusSection(url=url, timeout=timedelta(seconds=5), batch=batch)
            source = PrometheusSource(url, section.timeout, section)
            yield source
            source.close()
            server.shutdown()

    def answer(self, query: str) -> tuple[int, bytes]:
        if query in self.special:
            return self.special[query]
        value = SAMPLE["value"][0] if query == "timestamp(up)" else SAMPLE["value"][1]
        sample = {**SAMPLE, "value": [SAMPLE["value"][0], str(value)]}
        data = {"resultType": "vector", "result": [sample]}
        return 200, json.dumps({"status": "success", "data": data, **self.more}).encode()


@pytest.mark.parametrize(
    "more",
    [
        {"warnings": ["fetch series: no store"]},
        {"isPartial": True},
        {"warnings": ["PromQL warning: encountered a mix of histograms and floats"]},
        {"warnings": "not even a list"},
        {"error": "one of two stores timed out"},
    ],
)
def test_an_answer_that_calls_itself_incomplete_is_partial(more):
    with FakePrometheus(more).source() as source:
        poll = source.poll({"plain": PLAIN, "sum": SUM})
    assert "in part only" in poll.answers["plain"].partial
    assert "adds up" in poll.failed["sum"]
    assert set(poll.partial) == {"plain", "sum"}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"warnings": []},
        {"isPartial": False},
        {"infos": ["PromQL info: metric might not be a counter"]},
        {"warnings": ["PromQL info: metric might not be a counter"]},
    ],
)
def test_remarks_about_a_query_change_nothing(more):
    with FakePrometheus(more).source() as source:
        poll = source.poll({"plain": PLAIN, "sum": SUM})
    assert not poll.partial
    assert not poll.failed


def test_a_part_of_an_answer_is_not_asked_for():
    fake = FakePrometheus()
    with fake.source() as source:
        source.query(PLAIN)
    assert fake.forms[0]["partial_response"] == ["false"]


def test_a_source_that_does_not_even_know_the_time_answers_nothing():
    empty = json.dumps({"status": "success", "data": {"resultType": "vector", "result": []}}).encode()
    special = dict.fromkeys((NEWEST, "time()"), (200, empty))
    with FakePrometheus(special=special).source() as source:
        poll = source.poll({"plain": PLAIN})
    assert poll.answers == {}
    assert "time()" in poll.failed["plain"]


@pytest.mark.parametrize(
    "result",
    [
        {},
        None,
        "x",
        ["x"],
        [{}],
        [{"metric": [], "value": [1_700_000_000, "1"]}],
        [{"metric": {"instance": None}, "value": [1_700_000_000, "1"]}],
        [{"metric": {"instance": 5}, "value": [1_700_000_000, "1"]}],
        [{"metric": {}, "value": [10**14, "1"]}],
        [{"metric": {}, "value": [1_700_000_000, "one"]}],
    ],
)
@pytest.mark.parametrize("query", [PLAIN, NEWEST])
def test_what_is_no_answer_is_not_taken_for_an_empty_one(result, query):
    data = {"resultType": "vector", "result": result}
    body = json.dumps({"status": "success", "data": data}).encode()
    with FakePrometheus(special={query: (200, body)}).source() as source:
        poll = source.poll({"plain": PLAIN})
    assert "another shape" in poll.failed["plain"]
    assert not poll.answers


def test_an_error_inside_an_answer_is_said():
    body = json.dumps({"status": "error", "errorType": "internal", "error": "store is on fire"}).encode()
    with FakePrometheus(special={PLAIN: (200, body)}).source() as source:
        poll = source.poll({"plain": PLAIN, "sum": SUM})
    assert "store is on fire" in poll.failed["plain"]
    assert "sum" in poll.answers


def test_labels_found_twice_cost_their_own_series_only():
    refused = json.dumps({"status": "error", "error": TWINS}).encode()
    fake = FakePrometheus(special={"a / on (instance) b": (422, refused)})
    with fake.source() as source:
        poll = source.poll({"ratio": "a / on (instance) b"})
        again = source.poll({"ratio": "a / on (instance) b"})
    assert poll.answers["ratio"].values == [0.5]
    assert poll.answers["ratio"].doubts[0].labels == {"instance": "web1:9100"}
    assert again.answers["ratio"].doubts
    made = FrameBuffer({"ratio": signal("ratio")}, 4, 100).add(poll)
    assert made.doubts["ratio"][0].labels["host"] == "web1"


HISTOGRAM = [1_700_000_000, {"count": "1", "sum": "2", "buckets": []}]
WEB1, WEB2 = {"instance": "web1:9100"}, {"instance": "web2:9100"}


def framed(result, batch=1):
    """Return the frame of one poll of two signals that are both answered with ``result``."""
    labelled = [
        {**one, "metric": {**one["metric"], **({"opsmend_signal": name} if batch > 1 else {})}}
        for name in ("one", "two")[:batch]
        for one in result
    ]
    data = {"resultType": "vector", "result": labelled}
    body = json.dumps({"status": "success", "data": data}).encode()
    fake = FakePrometheus()
    plain = fake.answer
    fake.answer = lambda query: plain(query) if query == NEWEST else (200, body)
    with fake.source(batch) as source:
        poll = source.poll({"one": "first", "two": "second"})
    return FrameBuffer({id_: signal(id_) for id_ in ("one", "two")}, 4, 100).add(poll)


@pytest.mark.parametrize("batch", [1, 2])
def test_a_native_histogram_is_no_number_and_not_nothing(batch):
    made = framed(
        [{"metric": WEB1, "histogram": HISTOGRAM}, {"metric": WEB2, "value": [1_700_000_000, "3"]}], batch
    )
    for id_ in ("one", "two"):
        assert [(one.labels["host"], "native histogram" in one.why) for one in made.doubts[id_]] == [
            ("web1", True)
        ]
    assert made.values[:, -1].tolist() == [3, 3]


def test_a_series_that_says_two_things_at_once_is_not_believed():
    made = framed([{"metric": WEB1, "value": [1_700_000_000, text]} for text in ("0", "1")])
    for doubt in made.doubts["one"]:
        assert (doubt.labels["host"], doubt.why) == (
            "web1",
            "its labels stand there twice, with different values",
        )
    assert made.doubts
    assert np.isnan(made.values[:, -1]).all()


def test_a_series_that_says_the_same_twice_is_believed():
    made = framed([{"metric": WEB1, "value": [1_700_000_000, "1"]}] * 2)
    assert not made.doubts
    assert made.values[:, -1].tolist() == [1, 1]


@pytest.mark.parametrize("text", ["1_0", "", "0x10", "one"])
def test_what_only_python_takes_for_a_number_is_an_answer_of_another_shape(text):
    sample = {"metric": WEB1, "value": [1_700_000_000, text]}
    body = json.dumps({"status": "success", "data": {"resultType": "vector", "result": [sample]}}).encode()
    with FakePrometheus(special={PLAIN: (200, body)}).source() as source:
        assert "another shape" in source.poll({"plain": PLAIN}).failed["plain"]
