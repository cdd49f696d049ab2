"""From the build before to this one with an incident open, and no way back but by a copy of the store."""

import pytest

from agent.demo.faults import answers
from tests.package.site import DOMAIN, PROMETHEUS, install, wait
from tests.package.test_story import new_incident, running, set_config, state_of

pytestmark = pytest.mark.package


def test_with_an_incident_open_an_upgrade_keeps_settings_and_state_and_goes_on(site):
    site.ops.run("apt-get", "update", "-q", timeout_s=300)
    install(site, "before/opsmend_*.deb")
    site.let_the_agent_in_as_root()
    set_config(
        site,
        agent={"time_scale": 0.05, "mode": "observe"},
        collect={"poll": "1s", "history": "5m", "prometheus": {"url": PROMETHEUS, "seasons": "0s"}},
    )
    site.on_ops("systemctl", "enable", "--now", "opsmend")
    wait(lambda: running(site), 120, site.journal)
    site.hosts["web1"].run("systemctl", "stop", "nginx")
    found = new_incident(site, set(), f"web1.{DOMAIN}")["id"]
    wait(lambda: state_of(site, found) == "held", 120, site.journal)
    config = site.ops.run("cat", "/etc/opsmend/opsmend.yml")
    before = site.status()["pid"]

    install(site, "opsmend_*.deb")

    wait(lambda: running(site) and site.status()["pid"] != before, 120, site.journal)
    assert site.ops.run("cat", "/etc/opsmend/opsmend.yml") == config
    assert state_of(site, found) == "held"
    set_config(site, agent={"mode": "auto"})
    site.on_ops("systemctl", "reload", "opsmend")
    wait(lambda: answers(site.hosts["web1"]), 120, site.journal)
    wait(lambda: state_of(site, found) == "recovered", 180, site.journal)


def test_the_version_before_refuses_the_newer_store_and_names_the_way_back(site):
    script = "apt-get install -qy --allow-downgrades /srv/packages/before/opsmend_*.deb"
    said = site.on_ops("sh", "-c", script, code=100)
    assert "this version knows only" in said
    (kept,) = site.ops.run("sh", "-c", "ls /var/lib/opsmend/opsmend.db.schema-*").split()
    assert "opsmend restore" in said
    wait(lambda: running(site), 120, site.journal)  # dpkg stops it before it asks, and starts it again

    site.on_ops("systemctl", "stop", "opsmend")
    site.on_ops("sh", "-c", f"cp {kept} /root/copy && opsmend restore /root/copy")
    site.on_ops("sh", "-c", script)
    site.on_ops("systemctl", "start", "opsmend")
    wait(lambda: running(site), 120, site.journal)
