"""Whether a resolver answers, as the role that restarts it asks."""

import socket
import threading

import pytest


@pytest.fixture(scope="module")
def question(module):
    return module("service", "dns_question")


@pytest.mark.parametrize(
    ("server", "place"),
    [
        ("dns1", ("dns1", 53)),
        ("dns1:5353", ("dns1", 5353)),
        ("192.0.2.1:53", ("192.0.2.1", 53)),
        ("[2001:db8::1]:53", ("2001:db8::1", 53)),
        ("[2001:db8::1]", ("2001:db8::1", 53)),
        ("2001:db8::1", ("2001:db8::1", 53)),
    ],
)
def test_a_resolver_is_named_as_its_probe_names_it(question, server, place):
    assert question.place_of(server) == place


@pytest.mark.parametrize(("flags", "answered"), [(b"\x81\x85", True), (b"\x01\x00", False)])
def test_a_refusal_is_an_answer_and_an_echo_is_none(question, flags, answered):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(20)

        def serve():
            for _ in range(1 if answered else 3):
                said, who = server.recvfrom(512)
                server.sendto(said[:2] + flags + said[4:], who)

        serving = threading.Thread(target=serve, daemon=True)
        serving.start()
        assert question.is_answered("127.0.0.1", server.getsockname()[1], 15) is answered
        serving.join(20)
