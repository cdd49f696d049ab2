"""A first installation: looked at, written, checked, and refused where it would destroy something."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from agent.config import load_settings
from tests.servers.process import wait_until

OPSMEND = Path(sys.executable).parent / "opsmend"


@pytest.fixture
def inventory(tmp_path, prometheus):
    """Hosts that are this machine; Prometheus calls them by a domain that the inventory does not know."""
    names = ["web1", "web2"]
    prometheus.exporter.live = lambda: {
        f'{metric}{{instance="{name}.example.test:9100"}}': 1.0
        for name in names
        for metric in ("up", "node_uname_info")
    }
    variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    file = tmp_path / "hosts.yml"
    file.write_text(yaml.safe_dump({"all": {"hosts": dict.fromkeys(names), "vars": variables}}))
    wait_until(lambda: prometheus.value("sum(node_uname_info)") == len(names), 30)
    return str(file)


@pytest.fixture
def call(tmp_path):
    def calling(*arguments, code=0):
        done = subprocess.run(
            [OPSMEND, "init", "--folder", tmp_path / "site", *arguments],
            capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
            env={**os.environ, "COLUMNS": "80"},
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    return calling


def test_from_nothing_to_settings_that_are_checked(inventory, prometheus, call, tmp_path):
    told = call("--prometheus", prometheus.url, "--inventory", inventory, "--yes")
    assert "their names differ by example.test" in told
    (seen,) = (line for line in told.splitlines() if line.startswith("It will see on every host: "))
    assert "disk_full" in seen
    assert any("service_down" in line and "job_failed" in line for line in told.split("blind for ")[1:])
    assert "Prometheus calls it web1.example.test" in told
    assert f"Prometheus {prometheus.url}: answers" in told
    assert "opsmend run --config" in told
    settings = load_settings(tmp_path / "site" / "opsmend.yml", {})
    assert settings.agent.mode == "observe"
    again = call("--prometheus", prometheus.url, "--yes", code=5)
    assert "is there already" in again
    call("--prometheus", prometheus.url, "--inventory", inventory, "--yes", "--force")


def test_without_an_inventory_one_is_made_of_what_prometheus_has(inventory, prometheus, call, tmp_path):
    told = call("--prometheus", prometheus.url, "--yes", code=6)
    assert "I make an inventory of" in told
    made = yaml.safe_load((tmp_path / "site" / "inventory" / "opsmend.yml").read_text())
    assert list(made["all"]["hosts"]) == ["web1.example.test", "web2.example.test"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--prometheus", "http://127.0.0.1:1", "--yes"], 6, "does not answer"),
        (["--prometheus", "not a url", "--yes"], 78, "collect.prometheus.url"),
        (["--prometheus", "http://127.0.0.1:1", "--inventory", "/nowhere", "--yes"], 1, "does not exist"),
        ([], 2, "--yes"),
    ],
)
def test_a_mistake_is_told_and_nothing_is_written(call, tmp_path, arguments, code, said):
    assert said in call(*arguments, code=code)
    assert not (tmp_path / "site" / "opsmend.yml").exists()
