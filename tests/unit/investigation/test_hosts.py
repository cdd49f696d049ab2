"""Whom an investigation may ask, and what."""

from dataclasses import replace

from agent.investigation.hosts import certificates_of, hosts_of
from tests import make


def test_only_hosts_of_the_inventory_are_asked_and_only_those_that_are_surely_meant():
    hosts = {
        "web1": make.host("web1", ansible_host="10.0.0.1"),
        "twin1": make.host("twin1", opsmend_aliases=["twin"]),
        "twin2": make.host("twin2", opsmend_aliases=["twin"]),
        "lost": replace(make.host("lost"), identity=""),
    }
    wanted = ["10.0.0.1", "twin", "lost", "stranger"]
    assert hosts_of(hosts, wanted) == {"10.0.0.1": "web1"}


def test_a_certificate_is_looked_at_where_the_inventory_says_it_is():
    services = {"nginx.service": {"certificate": {"path": "/etc/ssl/a.pem"}}}
    assert certificates_of(make.host(opsmend_services=services), "nginx.service") == ["/etc/ssl/a.pem"]
    assert certificates_of(make.host(), "nginx.service") == []
