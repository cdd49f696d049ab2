"""A silent host is asked from a neighbour; only the inventory says who that is."""

from agent.decide.surroundings import with_surroundings
from tests.make import host


def hosts(*made):
    return {one.name: one for one in made}


KNOWN = hosts(
    host("web1", "all", "web", "shop", ansible_host="10.0.0.1", ansible_port=2222, opsmend_hypervisor="kvm1"),
    host("web2", "all", "web", "shop"),
    host("web3", "all", "web", "shop"),
    host("db1", "all", "db", "shop"),
    host("kvm1", "all"),
    host("laptop", "all", "web", ansible_connection="local"),
)


def test_the_neighbour_shares_the_smallest_group_and_is_well():
    assert with_surroundings({"host": "web1"}, KNOWN, ())["neighbour"] == "web2"
    assert with_surroundings({"host": "web1"}, KNOWN, {"web2"})["neighbour"] == "web3"
    assert with_surroundings({"host": "web1"}, KNOWN, {"WEB2.", "web3:9100"})["neighbour"] == "db1"
    assert with_surroundings({"host": "web1"}, KNOWN, {"web2", "web3"})["neighbour"] == "db1"


def test_how_the_silent_host_is_reached_and_what_it_runs_on_come_from_the_inventory():
    found = with_surroundings({"host": "10.0.0.1"}, KNOWN, ())
    assert (found["suspect_address"], found["suspect_port"]) == ("10.0.0.1", "2222")
    assert found["hypervisor"] == "kvm1"
    assert with_surroundings({"host": "db1"}, KNOWN, ()).keys() == {
        "host", "suspect_address", "suspect_port", "neighbour",
    }  # fmt: skip


def test_a_site_where_every_host_has_some_trouble_still_looks_around():
    everybody = set(KNOWN)
    assert with_surroundings({"host": "web1"}, KNOWN, everybody)["neighbour"] == "web2"


def test_labels_from_outside_name_no_neighbour():
    forged = {"host": "unheard-of", "neighbour": "db1", "hypervisor": "db1", "suspect_address": "x"}
    assert with_surroundings(forged, KNOWN, ()) == {"host": "unheard-of"}
    assert with_surroundings({**forged, "host": "db1"}, KNOWN, {"web1", "web2", "web3", "kvm1"}) == {
        "host": "db1", "suspect_address": "db1", "suspect_port": "22", "neighbour": "web1",
    }  # fmt: skip


def test_a_label_that_fits_several_hosts_means_none():
    twins = hosts(host("a", opsmend_aliases=["x"]), host("b", opsmend_aliases=["x"]), host("c"))
    assert with_surroundings({"host": "x"}, twins, ()) == {"host": "x"}
