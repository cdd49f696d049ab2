"""Hosts behind instances."""

import pytest

from agent.instance import host_of


@pytest.mark.parametrize(
    ("instance", "host"),
    [
        ("web1:9100", "web1"),
        ("web1", "web1"),
        ("10.0.0.5:9100", "10.0.0.5"),
        ("[::1]:9100", "::1"),
        ("http://web1/health", "web1"),
        ("https://web1.example.org:8443/x?y", "web1.example.org"),
        ("", ""),
        ("/just/a/path", ""),
    ],
)
def test_the_host_of_an_instance(instance, host):
    assert host_of(instance) == host
