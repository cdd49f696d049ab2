"""A Prometheus says odd things: they are believed for what they are, as far as incidents and plans."""

import time

import pytest
import requests

from agent.livestatus import read_live_status
from agent.reasons import Reason
from tests.integration.workshop import Workshop, drive
from tests.servers.fakeprometheus import FakePrometheus
from tests.servers.process import wait_until

WEB1, WEB2 = {"instance": "web1:9100", "job": "node"}, {"instance": "web2:9100", "job": "node"}
BUSY = {"signal": "busy", "above": 0.9}
SIGNALS = [
    {"id": name, "summary": "s", "query": name, "unit": unit, "role": "saturation", "detect": False}
    for name, unit in (("busy", "ratio"), ("usual", "ratio"), ("room", "bytes"))
]
RULES = [
    {"when": {"all": [BUSY, {"not": {"signal": "usual", "above": 0.5}}]}, "fault": "runaway"},
    {"when": {"signal": "room", "below": 1000}, "fault": "full"},
    {"when": {"signal": "room", "below": 1000, "where": {"pool": ".+"}}, "fault": "pool", "entity": "{pool}"},
]


@pytest.fixture
def fake():
    with FakePrometheus().running() as server:
        yield server


@pytest.fixture
def site(tmp_path, fake):
    """A workshop whose Prometheus is the fake; nothing is run, only what would be is decided."""
    made = Workshop(tmp_path, fake)
    made.config["agent"]["mode"] = "observe"
    made.config["collect"]["history"] = "60s"
    made.config["diagnose"]["keep_for"] = "150ms"
    made.write("rules/signals/test.yml", {"signals": SIGNALS})
    made.write("rules/faults.yml", {"faults": [{"id": one["fault"], "summary": "s"} for one in RULES]})
    common = {"entity": "{host}", "confidence": 0.9, "evidence": "e"}
    rules = [{**common, "id": one["fault"], **one} for one in RULES]
    made.write("rules/diagnosis/test.yml", {"rules": rules})
    made.remediation("mend", [], fixes=["runaway", "full"])
    return made


@pytest.fixture
def workshop(site):
    return site


def polls(agent, count=4, pause_s=0.03):
    """Poll so often; return the faults of incidents that are not over, by host."""
    for _ in range(count):
        agent.pipeline.poll()
        time.sleep(pause_s)
    return {(one.fault, one.host) for one in agent.stores.incidents.list() if not one.state.final}


@pytest.mark.parametrize("batch", [1, 10])
def test_a_guard_without_its_data_holds_back(site, fake, make_agent, batch):
    site.config["collect"]["prometheus"]["batch"] = batch
    agent = make_agent()
    for odd in (
        {"refused": {"usual": "query processing would load too many samples into memory"}},
        {"marks": {"usual": {"warnings": ["no store matched for the day before"]}}},
        {"marks": {"usual": {"isPartial": True}}},
        *({"usual": [(WEB1, value)]} for value in ("NaN", "+Inf", -3, 1e300)),
    ):
        fake.refused, fake.marks = odd.get("refused", {}), odd.get("marks", {})
        fake.said = {"busy": [(WEB1, 1)], "usual": odd.get("usual", [])}
        assert polls(agent, 1) == set(), odd
        assert [(one.rule, one.entity) for one in agent.pipeline.held] == [("runaway", "web1")], odd
    # a ratio of -0.0 is one of 0, and what was away a moment ago has to be seen
    fake.said["usual"], fake.marks, fake.refused = [(WEB1, "-0.0")], {}, {}
    drive(agent, lambda: polls(agent, 1) == {("runaway", "web1")}, 10)


def test_a_sample_that_no_scrape_dates_counts_once(site, fake, make_agent):
    """A sum, or what was pushed: twenty polls of one sample are no twenty samples."""
    rule = {"fault": "full", "confidence": 0.9, "evidence": "e"}
    rule["when"] = {"signal": "room", "below": 1000, "for": "1s"}
    rules = [{**rule, "id": name, "entity": f"{{{name}}}"} for name in ("cluster", "job")]
    site.write("rules/diagnosis/test.yml", {"rules": rules})
    sums, pushed = {"cluster": "a"}, {"instance": "pushed:1", "job": "otel"}
    fake.scraped, fake.said = {"other:9100"}, {"room": [(sums, 10.0), (pushed, 10.0)]}
    agent = make_agent()
    assert polls(agent, 20, 0.1) == set()
    fake.said = {"room": [(sums, 9.0), (pushed, 9.0)]}
    drive(agent, lambda: len(polls(agent, 1)) == 2, 10)


def on(number):
    return {"instance": f"web{number}:9100", "job": "node"}


def test_what_is_missing_or_impossible_ends_nothing_not_even_over_a_restart(site, fake, make_agent):
    everybody = {("full", f"web{number}") for number in range(1, 7)}
    fake.said = {"room": [(on(number), 10.0) for number in range(1, 7)]}
    agent = make_agent()
    assert polls(agent) == everybody
    odd = enumerate(("NaN", 2.0**64, -1, "+Inf", 1e300), 2)  # and of web1 nothing
    fake.said = {"room": [(on(number), value) for number, value in odd]}
    assert polls(agent, 10) == everybody
    assert "and 4 more" in agent.pipeline.health.doubtful["room"]
    agent = make_agent()
    assert polls(agent, 10) == everybody
    fake.said, fake.marks = {"room": [(on(1), 5e9)]}, {"room": {"warnings": ["a store timed out"]}}
    assert polls(agent, 10) == everybody
    fake.said, fake.marks = {"room": [(on(number), 5e9) for number in range(1, 7)]}, {}
    drive(agent, lambda: polls(agent, 1) == set(), 10)
    assert len(agent.stores.incidents.list()) == len(everybody)


NAMES = {
    "2001::24:9290": "2001::24:9290",
    "[2001:DB8::0:24]:9100": "2001:db8::24",
    "http://[fe80::1%25eth0]:9100/metrics": "fe80::1%eth0",
    "DB1.Example.test.:9100": "db1.example.test",
    "[::ffff:10.0.0.1]:9100": "10.0.0.1",
}


def test_an_instance_means_the_host_that_is_called_so_and_no_other(site, fake, make_agent):
    known = {f"host{n}": {"opsmend_aliases": [name]} for n, name in enumerate([*NAMES.values()][1:])}
    # each would be meant by one who takes the first or the last part of an address for the name
    parts = {"short": {"opsmend_aliases": ["2001", "24", "fe80", "db1", "10"]}}
    site.write("hosts.yml", {"all": {"hosts": {**known, **parts}, "vars": {"ansible_connection": "local"}}})
    nameless = [
        {"instance": "a b:1"},
        {"instance": "c:d:e"},
        {"instance": "[::1"},
        {"pool": "x"},
        {"pool": "y"},
    ]
    fake.said = {"room": [(labels, 10.0) for labels in [*({"instance": one} for one in NAMES), *nameless]]}
    agent = make_agent()
    polls(agent, 2)
    pools = [one for one in agent.stores.incidents.list() if not one.host]
    assert {one.entity for one in pools} == {"x", "y"}  # two of them, though neither is of a host
    found = {one.host: one for one in agent.stores.incidents.list() if one.host}
    assert set(found) == set(NAMES.values())
    meant = {host: agent.explainer.explain(one, ())[0] for host, one in found.items()}
    assert meant["2001::24:9290"].reason is Reason.TARGET_UNKNOWN
    plans = {host: one.plan.removeprefix("mend on ") for host, one in meant.items() if one.plan}
    assert plans == {name: f"host{n}" for n, name in enumerate([*NAMES.values()][1:])}


def test_status_and_metrics_of_the_running_agent_say_what_it_does_not_believe(site, fake):
    url = site.api()
    fake.said = {"busy": [(WEB1, 1)], "room": [(WEB1, 2.0**64), (WEB2, 5e9)]}
    fake.marks = {"usual": {"warnings": ["no store for the day before"]}}
    process = site.start()
    try:
        wait_until(lambda: (status(site).get("polls") or 0) > 2, 60, site.log)
        told = status(site)
        assert "no store for the day before" in told["signals_partial"]["usual"]
        assert "1.84467e+19 is impossible" in told["signals_doubtful"]["room"]
        assert [(one["rule"], one["entity"]) for one in told["rules_held"]] == [("runaway", "web1")]
        lines = requests.get(f"{url}/metrics", timeout=5).text.splitlines()
        assert 'opsmend_source_up{source="prometheus"} 0.0' in lines
        assert {"opsmend_signals_partial 1.0", "opsmend_signals_doubtful 1.0"} <= set(lines)
    finally:
        process.terminate()
        process.wait(60)


def status(site):
    return read_live_status(site.folder / "run") or {}
