"""A name server that does not answer holds nobody for longer than the request may take."""

import datetime as dt
import socket
import threading
import time

import pytest

from agent.collect import PrometheusSource
from agent.errors import SourceUnreachable
from tests.unit.collect.test_http import answering, ask_prometheus

REAL = socket.getaddrinfo


@pytest.fixture
def silent_resolver(monkeypatch):
    """A resolver that answers when told to; yields who asked it, and what lets it answer."""
    asked, answer = [], threading.Event()

    def wait(host, *arguments, **options):
        if host != "slow.example":
            return REAL(host, *arguments, **options)
        asked.append(host)
        answer.wait(20)
        return REAL("127.0.0.1", *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", wait)
    yield asked, answer
    answer.set()


def test_a_look_up_that_hangs_ends_with_the_request(silent_resolver):
    asked, _answer = silent_resolver
    source = PrometheusSource("http://slow.example:9090", dt.timedelta(seconds=0.3))
    began = time.monotonic()
    for _ in range(5):
        with pytest.raises(SourceUnreachable, match=r"slow\.example.* in time \(collect\.prometheus\.url\)"):
            source.query("up")
    source.close()
    assert time.monotonic() - began < 15  # a single look-up takes 20 s
    assert asked == ["slow.example"]  # and no thread more with every poll


def test_who_asks_again_gets_the_answer_that_came_late(silent_resolver):
    _, answer = silent_resolver
    with answering(200, b"[]") as server:
        url = f"http://slow.example:{server.server_address[1]}"
        threading.Timer(0.2, answer.set).start()
        with pytest.raises(Exception, match="is the URL right"):
            ask_prometheus(url)


def test_the_first_address_that_is_silent_leaves_time_for_the_second(monkeypatch):
    with socket.create_server(("127.0.0.1", 0), backlog=0) as silent, answering(200, b"[]") as server:
        port = server.server_address[1]
        full = [socket.socket() for _ in range(4)]
        for one in full:
            one.setblocking(False)
            one.connect_ex(silent.getsockname())
        both = [*REAL(*silent.getsockname(), type=socket.SOCK_STREAM), *REAL("127.0.0.1", port, type=1)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
        with pytest.raises(Exception, match="is the URL right"):
            ask_prometheus(f"http://two.example:{port}")
        for one in full:
            one.close()


def test_a_link_local_address_keeps_its_zone():
    source = PrometheusSource("http://[fe80::1%25nowhere0]:9090", dt.timedelta(seconds=0.5))
    with pytest.raises(SourceUnreachable, match="fe80::1"):
        source.query("up")
    source.close()
