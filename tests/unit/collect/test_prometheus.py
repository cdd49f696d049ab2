"""Every way in which a Prometheus can answer wrong is one clear error."""

import contextlib
import gc
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

from agent.collect import PrometheusSource
from agent.errors import AnswerError, QueryError, SourceRefused, SourceUnreachable
from tests.servers.process import free_port

VECTOR = b'{"status":"success","data":{"resultType":"vector","result":[%s]}}'
ONE = VECTOR % b'{"metric":{"a":"b"},"value":[1700000000.5,"NaN"]}'


@contextlib.contextmanager
def answering(
    status: int,
    body: bytes,
    length: int | None = None,
    on_request: Callable[[], None] = lambda: None,
    **by_query: tuple[int, bytes],
) -> Iterator[PrometheusSource]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            on_request()
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            code, said = by_query.get(form["query"][0], (status, body))
            self.send_response(code)
            self.send_header("Content-Length", str(len(said) if length is None else length))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        source = PrometheusSource(f"http://127.0.0.1:{server.server_address[1]}", timedelta(seconds=0.5))
        yield source
        source.close()
        server.shutdown()


def test_a_vector_becomes_labels_and_values():
    with answering(200, ONE) as source:
        answer = source.query("up")
    assert (answer.at, answer.labels) == (1700000000.5, [{"a": "b"}])
    assert answer.values[0] != answer.values[0]


@pytest.mark.parametrize(
    ("status", "body", "error", "said"),
    [
        (400, b'{"status":"error","error":"parse error"}', QueryError, "parse error"),
        (422, b'{"status":"error","error":"too many samples"}', QueryError, "too many samples"),
        (401, b"who?", SourceRefused, "401"),
        (404, b"<html>", SourceRefused, "404"),
        (302, b"", SourceRefused, "302"),
        (429, b"slow down", SourceUnreachable, "429"),
        (500, b"oops", SourceUnreachable, "500"),
        (503, b'{"status":"error","error":"starting"}', SourceUnreachable, "starting"),
        (200, b"<html>hello</html>", AnswerError, "is the URL right"),
        (200, b'{"status":"success"', AnswerError, "is the URL right"),
        (200, b'{"status":"success","data":{}}', AnswerError, "another shape"),
        (200, VECTOR % b'{"metric":{},"value":[1,"x"]}', AnswerError, "another shape"),
        (200, b'{"status":"success","data":{"resultType":"matrix","result":[]}}', AnswerError, "instant"),
    ],
)
def test_a_wrong_answer_is_named(status, body, error, said):
    with answering(status, body) as source, pytest.raises(error, match=said):
        source.query("up")


def test_a_truncated_answer_is_unreachable():
    with answering(200, ONE[:40], length=len(ONE)) as source, pytest.raises(SourceUnreachable):
        source.query("up")


def test_garbage_is_not_looked_for_while_an_answer_is_taken_apart():
    series = b",".join(b'{"metric":{"part":"%d"},"value":[1,"2"]}' % n for n in range(20_000))
    collections = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start" and len(gc.get_objects(generation=0)) > 10_000:
            collections.append(info)

    with answering(200, VECTOR % series) as source:
        gc.callbacks.append(note)
        try:
            answer = source.query("up")
        finally:
            gc.callbacks.remove(note)
        assert len(answer.values) == 20_000
        assert collections == []
        assert gc.isenabled()


def test_garbage_is_looked_for_while_a_source_is_waited_for():
    enabled = []
    with answering(200, ONE, on_request=lambda: enabled.append(gc.isenabled())) as source:
        source.query("up")
    assert all(enabled)
    assert enabled


def test_nobody_listening_is_said_in_plain_words():
    source = PrometheusSource(f"http://127.0.0.1:{free_port()}", timedelta(seconds=1))
    with pytest.raises(SourceUnreachable, match=r"does not answer: .*refused"):
        source.query("up")
    source.close()


def test_a_query_that_is_too_much_takes_no_other_with_it():
    scraped = VECTOR % b'{"metric":{},"value":[1700000000,"1699999999"]}'
    now = b'{"status":"success","data":{"resultType":"scalar","result":[1700000000,"1700000000"]}}'
    special = {"timestamp(up)": (200, scraped), "time()": (200, now), "heavy": (503, b"too heavy")}
    with answering(200, ONE, **special) as source:
        poll = source.poll({"a": "heavy", **{f"s{n}": "up" for n in range(20)}})
    assert set(poll.failed) == {"a"}
    assert len(poll.answers) == 20


def test_where_nothing_is_scraped_the_time_is_the_sources_own():
    nothing = VECTOR % b""
    now = b'{"status":"success","data":{"resultType":"scalar","result":[1700000000,"1700000000"]}}'
    special = {"timestamp(up)": (200, nothing), "time()": (200, now)}
    with answering(200, ONE, **special) as source:
        assert source.poll({"a": "pushed"}).at.timestamp() == 1700000000


def test_a_slow_source_costs_one_time_limit_for_all_signals():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        source = PrometheusSource(f"http://127.0.0.1:{silent.getsockname()[1]}", timedelta(seconds=0.3))
        poll = source.poll({f"s{n}": "up" for n in range(50)})
        source.close()
    assert len(poll.failed) == 50
    assert "does not answer within 0.3 s" in poll.failed["s0"]
    assert not poll.answers
