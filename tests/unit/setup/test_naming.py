"""Names that Prometheus says and names of an inventory, and what makes them meet."""

from agent.setup.naming import match_names
from tests.make import host


def hosts(*names, **variables):
    return {name: host(name, **variables) for name in names}


def test_names_that_are_the_same_need_no_help():
    found = match_names(hosts("web1", "web2"), ["web1", "web2"])
    assert (found.called, found.suffixes, found.strangers) == ({"web1": ("web1",), "web2": ("web2",)}, (), ())


def test_a_domain_that_only_prometheus_says_is_proposed():
    found = match_names(
        hosts("app1", "app2"), ["app1.example.test", "app2.example.test", "prom.example.test"]
    )
    assert found.suffixes == ("example.test",)
    assert found.called == {"app1": ("app1.example.test",), "app2": ("app2.example.test",)}
    assert found.strangers == ("prom.example.test",)


def test_a_domain_that_only_the_inventory_says_is_proposed():
    found = match_names(hosts("app1.example.test"), ["app1"])
    assert (found.suffixes, found.called) == (("example.test",), {"app1.example.test": ("app1",)})


def test_what_the_inventory_says_already_is_not_said_again():
    found = match_names(hosts("app1", opsmend_host_suffixes=["example.test"]), ["app1.example.test"])
    assert (found.suffixes, found.unseen) == ((), [])


def test_the_beginning_of_a_name_is_no_name():
    found = match_names(hosts("app1"), ["app10", "app1x.example.test"])
    assert (found.suffixes, found.unseen) == ((), ["app1"])


def test_several_domains_are_all_proposed_the_most_frequent_first():
    found = match_names(hosts("a", "b", "c"), ["a.one.test", "b.two.test", "c.two.test"])
    assert found.suffixes == ("two.test", "one.test")
    assert found.unseen == []
