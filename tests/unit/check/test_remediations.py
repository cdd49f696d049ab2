"""Whether a remediation could do its work on the hosts where its faults can be seen."""

from agent.check.coverage import Coverage
from agent.check.remediations import check_remediations, commands_of
from agent.config.exporterfile import Exporter
from agent.config.rulefiles import Rulebook
from tests.make import host, remediation, rule, signal

REDIS = Exporter(id="redis", summary="s", metrics=["redis_"], present="redis_up", get="g")
BOOK = Rulebook(
    {"linked": signal("linked", query="redis_link")},
    {},
    {"r": rule({"signal": "linked", "below": 1}, fault="lost")},
)


def lines(needs, hosts, programs, present=("redis",)):
    one = remediation("fail_over", fixes=["lost"], needs=needs)
    known = {each.name: each for each in hosts}
    found = check_remediations(
        {"fail_over": one},
        known,
        dict.fromkeys(known, programs),
        dict.fromkeys(known, present),
        Coverage(BOOK, {"redis": REDIS}, ()),
    )
    return {line.what: line.text for line in found}


def test_what_hosts_lack_is_named_and_by_which():
    needs = {"commands": ["redis-cli"], "variables": ["opsmend_redis"]}
    told = lines(needs, [host("r1", opsmend_redis={"port": 1}), host("r2"), host("r3")], ["sh"])
    assert told["remediation fail_over"] == (
        "r1 lacks the program redis-cli; r2, r3 lack the program redis-cli and the variable opsmend_redis"
    )


def test_one_service_with_all_keys_is_enough():
    services = {"a.service": {"port": 80}, "b.service": {"config_file": "/f", "config_check": ["x"]}}
    assert "remediation fail_over" not in lines(
        {"service": ["config_file", "config_check"]}, [host("w", opsmend_services=services)], []
    )
    assert (
        "config_file and config_check"
        in lines(
            {"service": ["config_file", "config_check"]},
            [host("w", opsmend_services={"a.service": {"port": 1}})],
            [],
        )["remediation fail_over"]
    )


def test_hosts_on_which_its_faults_cannot_be_seen_are_none_of_its_hosts():
    assert "remediation fail_over" not in lines({"commands": ["redis-cli"]}, [host("web")], [], present=())


def test_every_program_that_is_needed_is_looked_for():
    assert commands_of([remediation(needs={"commands": ["b", "a"]}), remediation()]) == ["a", "b"]
