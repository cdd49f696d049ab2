"""What is shipped beside the agent: alert rules and dashboards about itself, on metrics that there are."""

import json
import re
import subprocess

import promql_parser
import pytest
import requests

from agent.config.promql import metric_names
from tests.integration.workshop import Workshop
from tests.servers.debian import unpacked
from tests.servers.process import wait_until

DASHBOARDS = ("now", "healing", "agent")


@pytest.fixture(scope="module")
def exposed(tmp_path_factory, prometheus):
    """The names of all metrics that a running agent exposes."""
    workshop = Workshop(tmp_path_factory.mktemp("agent"), prometheus)
    url = workshop.api()
    process = workshop.start()
    try:
        wait_until(lambda: "port opened" in workshop.log(), 60, workshop.log)
        wait_until(lambda: "opsmend_polls_total 0.0" not in text(url), 60, workshop.log)
        return set(re.findall(r"^# TYPE (\S+) ", text(url), re.MULTILINE)), text(url)
    finally:
        process.terminate()
        process.wait(timeout=30)


def text(url):
    return requests.get(f"{url}/metrics", timeout=10).text


def is_known(name, families):
    return name == "up" or any(
        name in (one, f"{one}_bucket", f"{one}_count", f"{one}_sum") for one in families
    )


def test_the_alert_rules_fire_when_they_should_and_only_then(root):
    promtool = unpacked("prometheus") / "usr" / "bin" / "promtool"
    done = subprocess.run(
        [promtool, "test", "rules", "opsmend.test.yml"],
        cwd=root / "packaging" / "alerts",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_alert_rules_use_metrics_that_there_are(root, exposed):
    content = (root / "packaging" / "alerts" / "opsmend.yml").read_text()
    names = set(re.findall(r"\bopsmend_[a-z_]+\b", content)) - {"opsmend_dir"}
    assert names
    assert [name for name in sorted(names) if not is_known(name, exposed[0])] == []


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_asks_for_metrics_that_there_are(root, exposed, name):
    board = json.loads((root / "packaging" / "grafana" / f"{name}.json").read_text())
    queries = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    assert len(queries) >= 9
    for query in queries:
        written = query.replace("$__range", "1h").replace("$instance", ".*")
        promql_parser.parse(written)
        for metric in metric_names(written):
            assert is_known(metric, exposed[0]), metric


def test_dashboards_can_be_told_apart_and_overlap_nowhere(root):
    boards = [
        json.loads((root / "packaging" / "grafana" / f"{name}.json").read_text()) for name in DASHBOARDS
    ]
    assert len({board["uid"] for board in boards}) == len(DASHBOARDS)
    for board in boards:
        taken = set()
        for panel in board["panels"]:
            place = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert not taken & cells, panel["title"]
            assert max(x for x, _ in cells) < 24
            taken |= cells


def test_a_running_agent_measures_itself(exposed):
    values = dict(re.findall(r"^(opsmend_\S+?(?:\{[^}]*\})?) (\S+)$", exposed[1], re.MULTILINE))
    assert values['opsmend_mode{mode="auto"}'] == "1.0"
    assert values["opsmend_store_up"] == "1.0"
    assert values["opsmend_paused"] == "0.0"
    assert float(values["opsmend_store_bytes"]) > 10_000
    assert float(values["opsmend_last_poll_timestamp_seconds"]) > 1.7e9
    assert values['opsmend_incidents{state="escalated"}'] == "0.0"
