"""Where the agent listens: a port for the network, a socket of its own for people on the machine."""

import http.client
import os
import socket
import stat

import pytest
from fastapi import FastAPI, Request

from agent.errors import OpsmendError
from agent.localsocket import short_address
from agent.web.listeners import listen_on_path, listen_on_port
from agent.web.server import ApiServer

app = FastAPI()


@app.get("/peer")
def tell_peer(request: Request):
    return {"peer": request.scope.get("peer")}


@pytest.fixture
def serve():
    servers = []

    def start(listener):
        server = ApiServer(app, "socket", "here", listener)
        server.start()
        servers.append(server)

    yield start
    for server in servers:
        server.stop()


def ask(connect):
    connection = http.client.HTTPConnection("agent")
    connection.sock = connect
    connection.request("GET", "/peer")
    return connection.getresponse().read()


def ask_at(path):
    with socket.socket(socket.AF_UNIX) as local, short_address(path) as address:
        local.connect(address)
        return ask(local)


def test_the_kernel_names_who_is_at_the_other_end(tmp_path, serve):
    serve(listen_on_path(tmp_path / "agent.sock"))
    assert ask_at(tmp_path / "agent.sock") == f'{{"peer":[{os.getuid()},{os.getpid()}]}}'.encode()


def test_nobody_is_named_who_comes_over_the_network(serve):
    listener = listen_on_port("127.0.0.1:0")
    serve(listener)
    with socket.create_connection(listener.getsockname()) as remote:
        assert ask(remote) == b'{"peer":null}'


def test_a_path_longer_than_the_kernel_takes_is_no_trouble(tmp_path, serve):
    path = tmp_path / ("x" * 120) / "agent.sock"
    serve(listen_on_path(path))
    assert b'"peer":[' in ask_at(path)


def test_only_the_agents_user_and_group_may_connect(tmp_path):
    with listen_on_path(tmp_path / "agent.sock"):
        assert stat.S_IMODE((tmp_path / "agent.sock").stat().st_mode) == 0o660


def test_what_a_killed_agent_left_behind_is_replaced(tmp_path, serve):
    listen_on_path(tmp_path / "agent.sock").close()
    serve(listen_on_path(tmp_path / "agent.sock"))
    assert b'"peer":[' in ask_at(tmp_path / "agent.sock")


def test_silence_on_the_port_keeps_nobody_on_the_machine_waiting(tmp_path, serve):
    listener = listen_on_port("127.0.0.1:0")
    serve(listener)
    serve(listen_on_path(tmp_path / "agent.sock"))
    silent = [socket.create_connection(listener.getsockname()) for _ in range(210)]
    assert b'"peer":[' in ask_at(tmp_path / "agent.sock")
    for one in silent:
        one.close()


def test_a_port_that_is_taken_is_named_with_its_setting():
    with listen_on_port("127.0.0.1:0") as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(OpsmendError, match=f"api.listen: {address} cannot be used.*Address already"):
            listen_on_port(address)


def test_an_address_of_ipv6_is_taken_with_its_brackets():
    with listen_on_port("[::1]:0") as listener:
        assert listener.family == socket.AF_INET6


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OpsmendError, match=r"agent\.sock cannot be used"):
        listen_on_path(tmp_path / "file" / "agent.sock")


def test_an_answer_in_two_segments_waits_for_no_acknowledgement():
    with listen_on_port("127.0.0.1:0") as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
