"""Where a host lives is what the operator's inventory says, under every name that a label may call it."""

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from agent.check.hosts import check_inventory
from agent.config.settings import DetectSection
from agent.wiring.timezones import HostZones, zone_of
from tests.operator.site import Site


@pytest.fixture
def site(tmp_path):
    one = Site(tmp_path)
    one.write("inventory/host_vars/web1.yml", {"opsmend_timezone": "Europe/Berlin"})
    one.write("inventory/host_vars/web2.yml", {"opsmend_timezone": "Mars/Olympus"})
    one.hosts("web1", "web2", "web3")
    return one


def test_hosts_have_the_zone_that_the_inventory_says(site):
    zones = HostZones(site.inventory)
    assert zones()["web1"] == "Europe/Berlin"
    assert "web3" not in zones()
    assert zones() is zones()


def test_an_inventory_that_cannot_be_read_leaves_what_is_known(site):
    zones = HostZones(site.inventory)
    known = zones()
    site.write("inventory/hosts.yml", "all: [broken")
    assert zones() == known


def test_check_names_a_zone_that_does_not_exist(site):
    lines = [str(line.text) for line in check_inventory(site.inventory.read(), None)]
    assert [line for line in lines if "Mars/Olympus" in line and "web2" in line]


def test_without_a_setting_series_follow_the_machine(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert str(zone_of(DetectSection())) == "Asia/Tokyo"
    assert zone_of(DetectSection(timezone="Europe/Berlin")) == ZoneInfo("Europe/Berlin")
    monkeypatch.setenv("TZ", "Nowhere/At_all")
    assert zone_of(DetectSection()) == UTC
