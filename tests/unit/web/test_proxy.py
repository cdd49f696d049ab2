"""Whose word on who somebody is counts: the proxy's, from its own address, one name, with its secret."""

import pytest
from starlette.requests import Request

from agent.config.api import ProxySection
from agent.web.access.callers import TrustedProxy, WrongCredentials


def request(address, *headers):
    pairs = [(name.encode(), value.encode()) for name, value in headers]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": pairs, "client": (address, 9)})


@pytest.fixture
def proxy():
    return TrustedProxy(ProxySection(addresses=["192.0.2.0/28", "2001:db8::7"]))


@pytest.mark.parametrize(
    ("address", "user"),
    [
        ("192.0.2.7", "lisa"),
        ("2001:db8::7", "lisa"),
        ("192.0.2.16", None),
        ("127.0.0.1", None),
        ("no address", None),
    ],
)
def test_the_header_counts_from_the_proxy_alone(proxy, address, user):
    assert proxy.user(request(address, ("x-forwarded-user", "lisa"))) == user


def test_one_request_is_of_one_person(proxy):
    with pytest.raises(WrongCredentials):
        proxy.user(request("192.0.2.7", ("x-forwarded-user", "lisa"), ("x-forwarded-user", "root")))


def test_the_address_that_is_counted_is_the_one_the_proxy_saw(proxy):
    seen = request("192.0.2.7", ("x-forwarded-for", "10.0.0.1, 203.0.113.9"))
    assert proxy.client(seen) == "203.0.113.9"  # what stands before it anybody can write
    assert proxy.client(request("192.0.2.7", ("x-forwarded-for", "localhost"))) is None
