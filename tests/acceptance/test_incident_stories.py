"""What strangers did to live hosts, and incidents that had to tell the truth of it: ``make test-stories``."""

import time

import pytest

from agent.demo.image import PODMAN, run
from agent.records import IncidentState, Verdict
from tests.servers.process import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.stories]
_BLOB = "head -c 30M /dev/zero > /var/log/shop/blob 2> /dev/null; true"


@pytest.fixture
def seen(stores):
    """Return the incidents that are new since the test began, by fault."""
    known = {one.id for one in stores.incidents.list(limit=1000)}

    def new(fault, *states):
        found = [one for one in stores.incidents.list(limit=1000) if one.id not in known]
        return [one for one in found if one.fault == fault and (not states or one.state in states)]

    return new


def ran(stores, incident):
    return [one.plan.remediation for one in stores.runs.of_incident(incident.id)]


def test_an_incident_that_nobody_could_mend_hides_no_later_trouble_of_its_host(cluster, stores, seen):
    web2, log = cluster[0].hosts["web2"], cluster[0].folder / "agent.log"
    web2.run("sh", "-c", _BLOB)
    wait_until(lambda: seen("disk_full", IncidentState.ESCALATED), 300, log.read_text)
    (full,) = seen("disk_full")
    wait_until(lambda: stores.investigations.newest(full.id), 120, log.read_text)
    report = stores.investigations.newest(full.id).report
    assert report["root_causes"][0]["entity"] == "web2"
    assert "deviates from what is normal" not in report["summary"]
    (tried,) = stores.runs.of_incident(full.id)
    assert "/var/log/shop/blob" in tried.detail
    web2.run("rm", "/var/log/shop/blob")
    web2.run("systemctl", "stop", "nginx")
    wait_until(lambda: seen("service_down", IncidentState.RECOVERED), 300, log.read_text)
    (down,) = seen("service_down")
    assert down.id != full.id
    assert [one.verdict for one in stores.runs.of_incident(down.id)] == [Verdict.RECOVERED]
    wait_until(lambda: not stores.incidents.get(full.id).symptomatic, 120, log.read_text)


def test_a_host_that_is_frozen_is_down_and_nothing_is_repaired_on_it_when_it_is_back(cluster, stores, seen):
    host, log = cluster[0].hosts["web1"], cluster[0].folder / "agent.log"
    run(*PODMAN, "pause", host.container)
    try:
        wait_until(lambda: seen("host_down"), 240, log.read_text)
    finally:
        run(*PODMAN, "unpause", host.container)
    (gone,) = seen("host_down")
    assert gone.host == "web1"
    wait_until(lambda: not stores.incidents.get(gone.id).symptomatic, 240, log.read_text)
    time.sleep(10)  # what would be repaired on a host that just came back
    assert not seen("exporter_down")
    assert ran(stores, gone) == ["examine_silent_host"]  # from a neighbour, though all hosts had some trouble
    (others,) = {one.id for one in seen("host_down")}
    assert others == gone.id
