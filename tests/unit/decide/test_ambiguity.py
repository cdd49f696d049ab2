"""A label that fits more than one host is a refusal, whoever asks; and who else may be meant is said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.decide.ambiguity import compare_with_metrics, find_doubts
from agent.decide.surroundings import with_surroundings
from agent.decide.targets import UnresolvedTarget, resolve_hosts
from agent.investigation.hosts import hosts_of
from agent.records import HostNames
from tests.make import host

NAMES = st.sampled_from(["web1", "WEB1.", "web1.lan", "Web1.Lan.", "10.0.0.1", "::1", "0:0::1", "www", "lan"])
LABELS = NAMES.map(lambda name: f"[{name}]:9100" if "::" in name else f"{name}:9100") | NAMES
VARIABLES = st.fixed_dictionaries(
    {}, optional={"ansible_host": NAMES, "opsmend_aliases": st.lists(NAMES), "opsmend_host_suffixes": NAMES}
)
INVENTORIES = st.dictionaries(NAMES, VARIABLES, max_size=4).map(
    lambda said: {name: host(name, "all", "web", **variables) for name, variables in said.items()}
)


@given(INVENTORIES, LABELS)
def test_one_host_is_meant_or_nobody_is_touched_or_asked(hosts, label):
    called = [one.name for one in hosts.values() if one.is_called(label)]
    doubted = {name for doubt in find_doubts(hosts) for name in hosts if f"{name} (" in doubt.text}
    found = hosts_of(hosts, [label])
    labels = with_surroundings({"host": label}, hosts, ())
    if len(called) == 1:
        assert resolve_hosts("{host}", [], {"host": label}, hosts, 9).targets[0].name == called[0]
        assert found == {label: called[0]}
        return
    with pytest.raises(UnresolvedTarget):
        resolve_hosts("{host}", [], {"host": label}, hosts, 9)
    assert found == {}
    assert labels == {"host": label}
    assert doubted >= set(called)


@pytest.mark.parametrize(
    ("one", "other", "label", "how"),
    [
        (host("a", ansible_host="10.0.0.9"), host("10.0.0.9"), "10.0.0.9:9100", "its address"),
        (host("a", opsmend_aliases=["b"]), host("b"), "B.", "an alias"),
        (host("a", opsmend_host_suffixes=["lan"]), host("a.lan"), "a.lan", "without its domain"),
        (host("a.lan", opsmend_host_suffixes=["lan"]), host("b", opsmend_aliases="a"), "a", "domain"),
        (host("a", ansible_host="::1"), host("b", ansible_host="0:0::1"), "[::1]:22", "its address"),
        (host("Grüße"), host("grüße."), "GRÜSSE".replace("SS", "ß"), "its name"),
    ],
)
def test_each_way_of_being_called_alike_is_refused_and_told(one, other, label, how):
    hosts = {one.name: one, other.name: other}
    with pytest.raises(UnresolvedTarget, match="fits 2 hosts"):
        resolve_hosts("{host}", [], {"host": label}, hosts, 9)
    with pytest.raises(UnresolvedTarget, match="fits 2 hosts"):
        resolve_hosts("x", [label], {}, {**hosts, "x": host("x")}, 9)
    (doubt,) = [doubt for doubt in find_doubts(hosts) if doubt.what.startswith("name ")]
    assert how in doubt.text


def test_names_of_one_machine_are_told_and_a_label_that_both_have_is_still_refused():
    """Which of two names is meant decides on groups, variables and policy, also where the machine is one."""
    hosts = {name: host(name, ansible_host="10.0.0.9") for name in ("www", "web1")}
    doubts = [doubt.text for doubt in find_doubts(hosts) if not doubt.grave]
    assert doubts == ["is web1, www alike: one run at a time for all of them"]
    with pytest.raises(UnresolvedTarget):
        resolve_hosts("{host}", [], {"host": "10.0.0.9"}, hosts, 9)


def test_what_only_one_side_knows_is_told_both_ways():
    hosts = {name: host(name, opsmend_host_suffixes=["lan"]) for name in ("web1", "web2")}
    assert compare_with_metrics(hosts, {"WEB1.lan", "db1"}) == (["db1"], ["web2"])


def test_a_name_that_is_nothing_means_nobody():
    assert not HostNames([host("web1", opsmend_aliases=["", ".", " "])]).meant_by(" . ")
