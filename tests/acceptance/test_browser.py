"""A night on real hosts, seen and decided in a browser (``make test-browser``); pictures in .cache/shots."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from agent.config import load_settings
from agent.demo.cluster import agent_environment, start_agent, stop_agent, write_agent_config
from agent.records import IncidentState, Verdict
from agent.store import open_stores
from tests.servers.process import wait_until
from tests.web.browser import SCHEMES, SIZES, opened, opened_by_two, running_browser, violations

pytestmark = [pytest.mark.cluster, pytest.mark.browser]
SHOTS = Path(os.environ.get("SHOTS", ".cache/shots"))
_PATIENCE_MS = 240_000  # a machine that is busy with other things takes its time
_EXPIRES_S = 120  # of the agent, whose times are a twentieth


@pytest.fixture(scope="module")
def night(cluster, root):
    """An agent that asks before it does anything, and two people who may answer it."""
    made, url = cluster
    policy = yaml.safe_load((root / "rules" / "policy.yml").read_text())
    policy["roles"]["oncall"] = {"users": ["ann", "bob"], "may": policy["roles"]["operator"]["may"]}
    # the settings' time scale shortens what is waited for: a twentieth of this
    policy["approval"] = {"expires": f"{_EXPIRES_S * 20}s"}
    rules = made.folder / "rules-of-the-night"
    rules.mkdir()
    (rules / "policy.yml").write_text(yaml.safe_dump(policy, sort_keys=False))
    config = write_agent_config(made, url, root)
    settings = yaml.safe_load(config.read_text())
    settings["agent"]["mode"] = "approve"
    settings["paths"]["rules"] = [str(root / "rules"), str(rules)]
    config.write_text(yaml.safe_dump(settings, sort_keys=False))
    agent = start_agent(made, config)
    try:
        yield Night(made, config)
    finally:
        stop_agent(agent)


class Night:
    """The agent that runs, its address, its store, and the tokens of the people."""

    def __init__(self, cluster, config):
        self.hosts, self.log = cluster.hosts, cluster.folder / "agent.log"
        self.url = f"http://{yaml.safe_load(config.read_text())['api']['listen']}"
        self._config, self._environment = config, agent_environment(cluster)
        self.stores = open_stores(load_settings(config, self._environment).database)
        self.tokens = {name: self._token(name) for name in ("ann", "bob")}

    def _token(self, name):
        command = [sys.executable, "-m", "agent.cli.main", "tokens", "new", name, "--scope", "decide"]
        command += ["--config", str(self._config), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=self._environment)
        return yaml.safe_load(done.stdout)["secret"]

    def incident(self, host, *states):
        """Return the newest incident of a service that is down on a host, once it is in one of the states."""

        def found():
            shown = (one for one in self.stores.incidents.list(limit=50) if one.host == host)
            known = [one for one in shown if one.fault == "service_down"]
            return [one for one in known if not states or one.state in states]

        wait_until(found, _PATIENCE_MS / 1000, self.log.read_text)
        return found()[0]


@pytest.fixture(scope="module")
def browser():
    with running_browser() as made:
        yield made


def keep(page, name):
    """Take a picture of the page in each size and colour, and look for what is seriously wrong with it."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=SHOTS / f"night-{name}-{size}-{scheme}.png", full_page=True)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, size)
    assert violations(page) == []


def test_an_incident_appears_live_is_approved_on_a_phone_watched_and_recovers(night, browser):
    with opened(browser, night.url, night.tokens["ann"]) as page:
        page.get_by_role("heading", name="All is well").wait_for(timeout=_PATIENCE_MS)
        keep(page, "1-well")
        night.hosts["web1"].run("systemctl", "stop", "nginx")
        # the page that is open tells of it by itself
        page.get_by_text("Needs your yes").first.wait_for(timeout=_PATIENCE_MS)
        keep(page, "2-wrong")
        page.set_viewport_size({"width": 390, "height": 844})
        page.get_by_role("link", name="Needs your yes").first.click()
        page.get_by_role("heading", name="May opsmend run this?").wait_for()
        keep(page, "3-asked")
        page.set_viewport_size({"width": 390, "height": 844})
        page.get_by_role("button", name="Approve").click()
        # what Ansible does is shown while it does it, without a press
        page.locator("ol.tasks li").first.wait_for(state="attached", timeout=_PATIENCE_MS)
        page.locator(".head .chip", has_text="Recovered").wait_for(timeout=_PATIENCE_MS)
        keep(page, "4-recovered")
    incident = night.incident("web1", IncidentState.RECOVERED)
    (run,) = night.stores.runs.of_incident(incident.id)
    assert (run.verdict, run.plan.hosts) == (Verdict.RECOVERED, ("web1",))
    assert [vote.person.name for vote in night.stores.approvals.newest(incident.id).votes] == ["ann"]
    assert night.hosts["web1"].run("systemctl", "is-active", "nginx").strip() == "active"


def test_two_press_at_once_one_wins_and_the_other_is_told(night, browser):
    night.hosts["web2"].run("systemctl", "stop", "nginx")
    incident = night.incident("web2", IncidentState.AWAITING_APPROVAL)
    path = f"/incidents/{incident.id}"
    with opened_by_two(browser, night.url, night.tokens, path, "desk") as (first, second):
        first.get_by_role("button", name="Approve").click(no_wait_after=True)
        second.get_by_role("button", name="Approve").click()
        first.get_by_text("Approved").first.wait_for(timeout=_PATIENCE_MS)
        told = [one.locator("main").inner_text() for one in (first, second)]
        assert sum("That was not done." in text for text in told) == 1, told
        loser = first if "That was not done." in told[0] else second
        loser.screenshot(path=SHOTS / "night-5-second.png", full_page=True)
        first.goto(night.url + path)
        first.locator(".head .chip", has_text="Recovered").wait_for(timeout=_PATIENCE_MS)
    assert len(night.stores.approvals.newest(incident.id).votes) == 1
    assert len(night.stores.runs.of_incident(incident.id)) == 1


def test_who_comes_after_the_time_is_told_and_somebody_has_to_take_it(night, browser):
    night.hosts["web1"].run("systemctl", "stop", "nginx")
    incident = night.incident("web1", IncidentState.AWAITING_APPROVAL)
    with opened_by_two(browser, night.url, night.tokens, f"/incidents/{incident.id}") as (page, late):
        page.get_by_role("heading", name="Nobody answered in time").wait_for(timeout=_PATIENCE_MS)
        keep(page, "6-expired")
        late.get_by_role("button", name="Approve").click()
        late.get_by_text("That was not done.").wait_for()
        page.get_by_role("button", name="I have it").click(timeout=_PATIENCE_MS)
        page.get_by_text("ann has it, since").first.wait_for()
        keep(page, "7-taken")
        night.hosts["web1"].run("systemctl", "start", "nginx")
        page.locator(".head .chip", has_text="Went away").wait_for(timeout=_PATIENCE_MS)
    assert night.stores.runs.of_incident(incident.id) == []
