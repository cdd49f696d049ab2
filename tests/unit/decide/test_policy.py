"""Which rule decides over a plan: what restricts is asked of any of its hosts, what allows of all."""

import pytest

from agent.config.policyfile import PolicyFile
from agent.decide.policy import find_rule
from tests.make import host, plan, remediation_file

HOSTS = {
    "web1": host("web1", "all", "web", opsmend_environment="production"),
    "web2": host("web2", "all", "web", opsmend_environment="test"),
    "db1": host("db1", "all", "db", opsmend_environment="production"),
    "odd1": host("odd1", "all", "web"),
}
DATABASES = {"id": "databases", "when": {"groups": ["db"]}, "mode": "approve", "approvals": 2}
WEB = {"id": "web", "when": {"groups": ["web"]}, "mode": "auto", "minimum_healthy": 0.5}
REST = {"id": "rest", "mode": "auto", "repeat_interrupted": True, "canary": False}


def rule(*rules, on=("web1",), **fields):
    policy = PolicyFile.model_validate({"roles": {}, "remediations": list(rules)})
    return find_rule(policy, plan(hosts=tuple(on), **fields), remediation_file(), HOSTS)


def test_the_first_rule_that_fits_the_host_decides():
    assert rule(DATABASES, WEB, REST).id == "web"
    assert rule(DATABASES, REST).id == "rest"


def test_a_plan_on_a_database_and_a_web_server_asks_two_people():
    found = rule(DATABASES, REST, on=("db1", "web1"))
    assert (found.mode, found.approvals) == ("approve", 2)
    assert rule(REST, DATABASES, on=("web1", "db1")).mode == "auto"  # the order is the author's


def test_of_the_rules_of_several_hosts_the_strictest_of_each_kind_holds():
    found = rule(DATABASES, WEB, REST, on=("web1", "db1"))
    assert (found.id, found.minimum_healthy) == ("web and databases", 0.5)
    assert (found.repeat_interrupted, found.canary) == (False, True)


def test_what_is_allowed_on_one_host_only_is_forbidden_on_two():
    assert rule(WEB, on=("web1",)) is not None
    assert rule(WEB, on=("web1", "db1")) is None


@pytest.mark.parametrize(("on", "mode"), [("web1", "approve"), ("web2", "auto"), ("odd1", "approve")])
def test_a_host_of_no_known_environment_gets_the_strictest_answer(on, mode):
    production = {"id": "careful", "when": {"environments": ["production"]}, "mode": "approve"}
    assert rule(production, REST, on=(on,)).mode == mode


def test_what_is_allowed_in_one_environment_is_not_where_none_is_known():
    test_only = {"id": "test", "when": {"environments": ["test"]}, "mode": "auto"}
    assert rule(test_only, on=("web2",)) is not None
    assert rule(test_only, on=("odd1",)) is None


def test_a_host_that_left_the_inventory_is_allowed_nothing():
    assert rule(REST, on=("web1", "gone")) is None


@pytest.mark.parametrize("said", ["10.0.0.1", "WEB1", "web1.lan"])
def test_a_rule_may_name_a_host_by_any_of_its_names(said):
    known = {"web1": host("web1", "all", ansible_host="10.0.0.1", opsmend_host_suffixes=["lan"])}
    policy = PolicyFile.model_validate(
        {"roles": {}, "remediations": [{"id": "one", "when": {"hosts": [said]}, "mode": "observe"}]}
    )
    assert find_rule(policy, plan(), remediation_file(), known).mode == "observe"
