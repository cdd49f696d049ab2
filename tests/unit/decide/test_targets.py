"""A target is hosts of the inventory, by exact name, or it is refused."""

import pytest

from agent.decide.targets import UnresolvedTarget, resolve_target
from agent.reasons import Reason
from tests.make import host

HOSTS = {
    one.name: one
    for one in (
        host("web1", "all", "web", ansible_host="10.0.0.1"),
        host("web2", "all", "web", opsmend_aliases=["www.example.org", "web2.lan"]),
        host("twin1", ansible_host="10.0.0.9"),
        host("twin2", ansible_host="10.0.0.9"),
    )
}


@pytest.mark.parametrize(
    ("label", "found"),
    [("web1", "web1"), ("10.0.0.1", "web1"), ("www.example.org", "web2"), ("web2.lan", "web2")],
)
def test_a_host_is_known_by_name_address_and_alias(label, found):
    assert resolve_target("{host}", {"host": label}, HOSTS, 1) == (found,)


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
        "WEB1",
        "web1 ansible_host=evil",
        "{{ groups['all'] }}",
        "../web1",
        "@file",
        "x" * 10_000,
    ],
)
def test_everything_else_is_nobody(label):
    """Patterns, groups, lists and templates of Ansible mean nothing here."""
    with pytest.raises(UnresolvedTarget) as caught:
        resolve_target("{host}", {"host": label}, HOSTS, 10)
    assert caught.value.reason is Reason.TARGET_UNKNOWN


def test_a_missing_label_is_refused():
    with pytest.raises(UnresolvedTarget, match="no label 'host'"):
        resolve_target("{host}", {}, HOSTS, 1)


def test_more_hosts_than_allowed_are_refused():
    with pytest.raises(UnresolvedTarget) as caught:
        resolve_target("{host}", {"host": "10.0.0.9"}, HOSTS, 1)
    assert caught.value.reason is Reason.TARGET_TOO_LARGE
    assert resolve_target("{host}", {"host": "10.0.0.9"}, HOSTS, 2) == ("twin1", "twin2")


def test_an_empty_inventory_is_nobody():
    with pytest.raises(UnresolvedTarget):
        resolve_target("{host}", {"host": "web1"}, {}, 1)
