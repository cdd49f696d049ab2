"""A scenario's molecule.yml, and the monitoring that a site of its hosts has."""

import pytest

from agent.errors import ConfigError
from agent.workshop.monitoring import prometheus_config
from agent.workshop.scenario import PLAYBOOKS, load_scenario


@pytest.fixture
def scenario(tmp_path):
    """A function that reads a scenario with this molecule.yml."""

    def load(text: str):
        folder = tmp_path / "fix" / "molecule" / "default"
        folder.mkdir(parents=True)
        (folder / "molecule.yml").write_text(text)
        for name in PLAYBOOKS:
            (folder / name).write_text("[]\n")
        return load_scenario(tmp_path / "fix")

    return load


def test_there_are_a_target_and_a_bystander_unless_one_says_otherwise(scenario):
    assert [one.name for one in scenario("{}").platforms] == ["target", "bystander"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("platforms: [{name: target}]", "platforms"),
        ("platforms: [{name: one}, {name: two}]", "must be named 'target'"),
        ("platforms: [{name: target}, {name: Other}]", r"platforms\[1\].name"),
        ("platforms: [{name: target, ends: well}, {name: b}]", r"platforms\[0\].ends"),
        ("platforms: [{name: target, packages: ['x; rm']}, {name: b}]", r"packages\[0\]"),
        ("platforms: [{name: target, exporters: [oracle]}, {name: b}]", r"platforms\[0\].exporters"),
        (
            "platforms: [{name: target, probes: [{url: target, unit: a.service}]}, {name: b}]",
            r"probes\[0\].url",
        ),
    ],
)
def test_a_mistake_in_it_is_named(scenario, text, says):
    with pytest.raises(ConfigError, match=says):
        scenario(text)


def test_every_exporter_and_probe_is_scraped(scenario):
    loaded = scenario(
        "platforms:\n"
        "  - {name: target, exporters: [haproxy], probes: [{url: 'https://target:443/', unit: n.service}]}\n"
        "  - {name: web1}\n"
    )
    jobs = {
        job["job_name"]: job["static_configs"][0] for job in prometheus_config(loaded, "1s")["scrape_configs"]
    }
    assert jobs["node"]["targets"] == ["target:9100", "web1:9100"]
    assert jobs["haproxy"]["targets"] == ["target:8405"]
    assert jobs["https_2xx"] == {"targets": ["https://target:443/"], "labels": {"unit": "n.service"}}


def test_hosts_have_the_packages_of_all_platforms_and_a_resolver_is_asked_by_name_and_port(scenario):
    loaded = scenario(
        "platforms:\n"
        "  - {name: target, packages: [dnsmasq], probes: [{url: 'dns://target:53', unit: dnsmasq.service}]}\n"
        "  - {name: web1, packages: [chrony]}\n"
    )
    jobs = {job["job_name"]: job for job in prometheus_config(loaded, "1s")["scrape_configs"]}
    assert loaded.packages == ["dnsmasq", "chrony"]
    assert jobs["dns"]["static_configs"][0]["targets"] == ["target:53"]
