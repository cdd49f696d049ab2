"""A target is one host of the inventory, under any of its names, or it is refused."""

from dataclasses import replace

import pytest

from agent.decide.targets import UnresolvedTarget, resolve_hosts, resolve_target
from agent.reasons import Reason
from tests.make import host

HOSTS = {
    one.name: one
    for one in (
        host("web1", "all", "web", ansible_host="10.0.0.1", opsmend_balancer="lb"),
        host("web2", "all", "web", opsmend_aliases=["www.example.org", "web2.lan"]),
        host("db1", "all", ansible_host="2001:db8::0:7", opsmend_host_suffixes=["lan.example.org"]),
        host("db2.lan.example.org", "all", opsmend_host_suffixes=["lan.example.org"]),
        host("twin1", ansible_host="10.0.0.9"),
        host("twin2", ansible_host="10.0.0.9"),
        host("lb", "all", "balancer"),
        host("lb2", "all", "balancer"),
        replace(host("lost"), identity="", unknown={"ansible_host": "'site' is undefined"}),
    )
}


@pytest.mark.parametrize(
    ("label", "found"),
    [
        ("web1", "web1"),
        ("10.0.0.1", "web1"),
        ("www.example.org", "web2"),
        ("web2.lan", "web2"),
        ("WEB2.Lan.", "web2"),
        ("web1:9100", "web1"),
        ("[2001:DB8::7]:9100", "db1"),
        ("2001:db8:0::7", "db1"),
        ("db1.lan.example.org", "db1"),
        ("db2", "db2.lan.example.org"),
    ],
)
def test_a_host_is_known_by_name_address_and_alias_with_and_without_its_domain(label, found):
    assert resolve_target("{host}", {"host": label}, HOSTS).name == found


@pytest.mark.parametrize(
    "label",
    [
        "",
        " ",
        "all",
        "*",
        "web",
        "web*",
        "web1:web2",
        "web1,web2",
        "!web1",
        "~web.*",
        "localhost",
        "web1\nweb2",
        "web1 ansible_host=evil",
        "{{ groups['all'] }}",
        "../web1",
        "@file",
        "web1.lan.example.org",
        "lan.example.org",
        "x" * 10_000,
    ],
)
def test_everything_else_is_nobody(label):
    """Patterns, groups, lists and templates of Ansible mean nothing here."""
    with pytest.raises(UnresolvedTarget) as caught:
        resolve_target("{host}", {"host": label}, HOSTS)
    assert caught.value.reason is Reason.TARGET_UNKNOWN


def test_a_missing_label_is_refused():
    with pytest.raises(UnresolvedTarget, match="no label 'host'"):
        resolve_target("{host}", {}, HOSTS)


def test_a_label_that_fits_two_hosts_is_refused_however_many_are_allowed():
    with pytest.raises(UnresolvedTarget, match="twin1, twin2") as caught:
        resolve_hosts("{host}", [], {"host": "10.0.0.9"}, HOSTS, 100)
    assert caught.value.reason is Reason.TARGET_TOO_LARGE


def test_a_host_of_which_nobody_knows_where_it_is_is_not_touched():
    with pytest.raises(UnresolvedTarget, match="'site' is undefined"):
        resolve_hosts("{host}", [], {"host": "lost"}, HOSTS, 1)


def test_an_empty_inventory_is_nobody():
    with pytest.raises(UnresolvedTarget):
        resolve_target("{host}", {"host": "web1"}, {})


class TestCompanions:
    def names(self, *companions, most=10, **labels):
        found = resolve_hosts("{host}", companions, {"host": "web1", **labels}, HOSTS, most)
        return [one.name for one in found.companions]

    @pytest.mark.parametrize("companion", ["lb", "{opsmend_balancer}", "{proxy}"])
    def test_are_named_by_the_file_a_variable_of_the_target_or_a_label(self, companion):
        assert self.names(companion, proxy="lb:8405") == ["lb"]

    def test_may_be_a_whole_group(self):
        assert self.names("balancer") == ["lb", "lb2"]

    def test_count_with_the_target(self):
        with pytest.raises(UnresolvedTarget, match="3 hosts, limits") as caught:
            self.names("balancer", most=2)
        assert caught.value.reason is Reason.TARGET_TOO_LARGE

    @pytest.mark.parametrize(
        "companion", ["nobody", "all", "lost", "twin1.nowhere", "10.0.0.9", "{nothing}", "{opsmend_nothing}"]
    )
    def test_that_are_nobody_or_not_sure_are_refused(self, companion):
        with pytest.raises(UnresolvedTarget):
            self.names(companion)

    def test_the_agents_own_machine_is_one_only_when_it_is_named(self):
        found = resolve_hosts("{host}", ["localhost"], {"host": "web1"}, HOSTS, 2)
        assert found.identities == {"web1": "ssh 10.0.0.1 port 22", "localhost": "local"}
