"""The port waits for nobody for long, and however many are silent, others are answered."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import requests
from fastapi import FastAPI, Request

from agent.web import connections
from agent.web.listeners import listen_on_port
from agent.web.server import ApiServer


@pytest.fixture
def address(monkeypatch) -> Iterator[tuple[str, int]]:
    monkeypatch.setattr(connections, "HEADER_S", 0.4)
    monkeypatch.setattr(connections, "BODY_S", 0.4)
    monkeypatch.setattr(connections, "MOST_OPEN", 40)
    app = FastAPI()

    @app.get("/healthz")
    async def health() -> str:
        return "well"

    @app.post("/body")
    async def body(request: Request) -> int:
        return len(await request.body())

    listener = listen_on_port("127.0.0.1:0")
    server = ApiServer(app, "port", "here", listener)
    server.start()
    yield listener.getsockname()
    server.stop()


def closed_after(connection: socket.socket) -> float:
    began = time.monotonic()
    connection.settimeout(20)
    try:
        while connection.recv(4096):
            pass
    except ConnectionError:
        pass
    return time.monotonic() - began


def drip(connection: socket.socket, seconds: float) -> None:
    """Send byte by byte until the other side has had enough."""
    end = time.monotonic() + seconds
    with suppress(ConnectionError):
        while time.monotonic() < end:
            connection.sendall(b"X")
            time.sleep(0.05)


@pytest.mark.parametrize(
    "said", [b"", b"GET / HT", b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"]
)
def test_a_request_that_does_not_arrive_is_given_up(address, said):
    with socket.create_connection(address) as connection:
        connection.sendall(said)
        assert closed_after(connection) < 15


def test_what_drips_in_puts_no_deadline_off(address):
    with socket.create_connection(address) as connection:
        began = time.monotonic()
        drip(connection, 20)
        assert time.monotonic() - began < 15


def test_any_number_of_silent_ones_leaves_room_for_others(address, monkeypatch):
    monkeypatch.setattr(connections, "HEADER_S", 30.0)
    url = f"http://127.0.0.1:{address[1]}"
    with ExitStack() as stack, requests.Session() as session:
        assert session.get(f"{url}/healthz", timeout=5).ok
        for _ in range(200):
            stack.enter_context(socket.create_connection(address))
        for _ in range(5):
            assert requests.get(f"{url}/healthz", timeout=5).ok
            assert requests.post(f"{url}/body", data=b"x" * 1000, timeout=5).json() == 1000


def test_a_burst_takes_no_more_descriptors_than_there_are_places(address, monkeypatch):
    monkeypatch.setattr(connections, "HEADER_S", 30.0)
    before = descriptors()
    ours = [socket.socket() for _ in range(600)]
    taken = descriptors()
    try:
        for one in ours:
            one.connect(address)
        time.sleep(0.5)  # until all of them were looked at
        assert descriptors() - taken <= connections.MOST_OPEN + 1
        assert requests.get(f"http://127.0.0.1:{address[1]}/healthz", timeout=2).ok
    finally:
        for one in ours:
            one.close()
    assert taken - before == pytest.approx(len(ours), abs=20)  # what others left may be tidied meanwhile


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_kept_connection_may_ask_again(address):
    with requests.Session() as session:
        for _ in range(3):
            assert session.get(f"http://127.0.0.1:{address[1]}/healthz", timeout=5).ok
            time.sleep(0.5)  # longer than a header may take, shorter than a pause may
