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
        ("2001::24:9290", "2001::24:9290"),
        ("[2001:DB8::0:1]:9100", "2001:db8::1"),
        ("[fe80::1%eth0]:9100", "fe80::1%eth0"),
        ("http://[fe80::1%25eth0]:9100/metrics", "fe80::1%eth0"),
        ("WEB1.Example.test.:9100", "web1.example.test"),
        ("[::ffff:10.0.0.5]:9100", "10.0.0.5"),
        ("[::1:9100", ""),
        ("[web1]:9100", ""),
        ("10.0.0.5%eth0:9100", ""),
        ("web1:99999", ""),
    ],
)
def test_the_host_of_an_instance(instance, host):
    assert host_of(instance) == host
