"""Whether a service that does not answer is at fault itself, as the role that would end it looks."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading

import pytest


@pytest.fixture(scope="module")
def silence(module):
    module("proc", "process_facts")
    return module("service", "silence_facts")


@contextlib.contextmanager
def served(said=b""):
    """A server on this host that says one thing to whoever asks, or nothing; yields its port."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    asked, _ = listening.accept()
                    held.append(asked)
                    if said:
                        asked.recv(512)
                        asked.sendall(said)

        held = []
        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        for one in held:
            one.close()


def looks(*states, waited=0.0, seconds=5.0):
    """Looks at one thread that was in these states and waited for a processor so long in all."""
    ended = len(states) - 1
    return [
        (at * seconds / ended, {(7, "7"): (state, waited * at / ended)}) for at, state in enumerate(states)
    ]


@pytest.mark.parametrize(
    ("probe", "place"),
    [
        ("http://web1/", ("http", "web1", 80, "/")),
        ("https://web1.example.test:8443/health", ("https", "web1.example.test", 8443, "/health")),
        ("http://[2001:db8::1]:9100/", ("http", "2001:db8::1", 9100, "/")),
        ("tcp://db1:5432", ("tcp", "db1", 5432, "/")),
    ],
)
def test_a_service_is_asked_where_its_probe_asks(silence, probe, place):
    assert silence.place_of(probe) == place


@pytest.mark.parametrize("said", [b"HTTP/1.1 500 Oh\r\n\r\n", b"\x15\x03\x03\x00\x02\x02\x50"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_whatever_comes_back_is_an_answer(silence, scheme, said):
    with served(said) as port:
        assert silence.is_answered(scheme, "web1", "127.0.0.1", port, "/", 20)


def test_who_takes_a_connection_and_says_nothing_has_not_answered(silence):
    with served() as port:
        assert not silence.is_answered("http", "web1", "127.0.0.1", port, "/", 0.3)
        assert not silence.is_answered("https", "web1", "127.0.0.1", port, "/", 0.3)
        assert silence.is_answered("tcp", "web1", "127.0.0.1", port, "/", 20)


def test_a_service_that_listens_on_another_address_than_its_probe_has_answered_there(silence):
    with served_elsewhere("127.0.0.2") as (pid, port):
        assert silence.examine([pid], ("http", "127.0.0.1", port, "/"), 20) == (f"127.0.0.2, port {port}", "")
        # however soon it comes
        assert silence.examine([pid], ("http", "127.0.0.2", port, "/"), 20) == (f"127.0.0.2, port {port}", "")


@contextlib.contextmanager
def served_elsewhere(address):
    """A process of its own that answers on an address; yields its pid and port."""
    code = (
        "import http.server as h, sys; s = h.HTTPServer((sys.argv[1], 0), h.BaseHTTPRequestHandler);"
        "print(s.server_port, flush=True); s.serve_forever()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, address], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        yield process.pid, int(process.stdout.readline())
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.communicate()


def stand_still(pid):
    """Stop a child where it stands, and wait until it does."""
    os.kill(pid, signal.SIGSTOP)
    os.waitpid(pid, os.WUNTRACED)


def test_a_process_that_stands_still_is_at_fault_itself(silence):
    with served_elsewhere("127.0.0.1") as (pid, port):
        stand_still(pid)
        assert silence.examine([pid], ("http", "127.0.0.1", port, "/"), 0.3) == ("", "")


def test_a_port_that_another_listens_on_says_nothing_of_this_service(silence):
    with served_elsewhere("127.0.0.1") as (pid, port):
        stand_still(pid)
        other = subprocess.Popen(["sleep", "60"])
        _, hindered = silence.examine([other.pid], ("http", "127.0.0.1", port, "/"), 0.3)
        other.kill()
        other.wait()
    assert hindered.endswith(f"listens on port {port}, and it does not")


@pytest.mark.parametrize(
    ("seen", "hindered"),
    [
        (looks(*"SSSSS"), ""),
        (looks(*"TTTTT"), ""),
        (looks(*"RRRRR", waited=0.5), ""),
        (
            looks(*"RRRRR", waited=4.0),
            "its host keeps it waiting, 80% of the time for a processor and 0% for a disk",
        ),
        (looks(*"DDDSD"), "its host keeps it waiting, 0% of the time for a processor and 80% for a disk"),
        (
            looks(*"DSDSS", waited=1.0),
            "its host keeps it waiting, 20% of the time for a processor and 40% for a disk",
        ),
        (looks(*"tttt"), "somebody debugs it"),
        ([(0, {(7, "7"): ("S", None)}), (5, {(7, "7"): ("S", None)})], "nobody can tell"),
        ([(0, {(7, "7"): ("S", 0.0)}), (5, {})], "nobody can tell"),
    ],
)
def test_what_waits_for_its_host_is_told_from_what_hangs(silence, seen, hindered):
    said = silence.hindrance(seen)
    assert said.startswith(hindered) if hindered else said == ""


def test_an_address_is_read_as_the_kernel_tells_it(silence):
    little = sys.byteorder == "little"
    assert silence.proc.address_of("0100007F" if little else "7F000001") == "127.0.0.1"
    assert silence.proc.address_of("00000000000000000000000000000000") == "::"
