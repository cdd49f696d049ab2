"""Whom an investigation may ask over ssh, and how they are reached."""

from agent.investigation.hosts import address_of, addresses, certificates_of
from tests import make


def test_a_host_is_reached_as_ansible_reaches_it():
    found = address_of(
        make.host(
            ansible_host="10.0.0.7",
            ansible_port=2222,
            ansible_user="ops",
            ansible_ssh_common_args="-o BatchMode=yes -F /etc/opsmend/ssh_config",
        )
    )
    assert (found.address, found.port, found.user) == ("10.0.0.7", 2222, "ops")
    assert found.ssh_config == "/etc/opsmend/ssh_config"


def test_what_is_templated_is_left_to_ansible():
    assert address_of(make.host(ansible_host="{{ secret }}", ansible_port="{{ x }}")).address == ""


def test_only_hosts_of_the_inventory_that_speak_ssh_are_asked():
    hosts = {
        "web1": make.host("web1", ansible_host="10.0.0.1"),
        "here": make.host("here", ansible_connection="local"),
    }
    assert set(addresses(hosts, ["10.0.0.1", "here", "stranger"])) == {"10.0.0.1"}


def test_a_certificate_is_looked_at_where_the_inventory_says_it_is():
    services = {"nginx.service": {"certificate": {"path": "/etc/ssl/a.pem"}}}
    assert certificates_of(make.host(opsmend_services=services), "nginx.service") == ["/etc/ssl/a.pem"]
    assert certificates_of(make.host(), "nginx.service") == []
