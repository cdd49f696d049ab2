"""The demo's faults on real systemd hosts: the agent is told nothing and heals each one."""

import pytest

from agent.demo.faults import FAULTS
from agent.records import IncidentState, Verdict
from tests.servers.process import wait_until

# what takes all processors is not seen as such, nor are exporters, where other tests want them too
ALONE = {"runaway_process": pytest.mark.alone}


@pytest.fixture
def _nothing_goes_on(cluster):
    yield
    for host in cluster[0].hosts.values():
        host.run("sh", "-c", "pkill -x report-job; pkill -x index-job; true")


@pytest.mark.usefixtures("_nothing_goes_on")
@pytest.mark.parametrize(
    "fault", [pytest.param(one, id=one.fault, marks=ALONE.get(one.fault, ())) for one in FAULTS]
)
def test_a_fault_is_found_named_healed_and_proved(cluster, stores, fault):
    hosts = cluster[0].hosts
    known = {incident.id for incident in stores.incidents.list(limit=1000)}
    fault.inject(hosts[fault.host])

    def settled():
        new = [one for one in stores.incidents.list() if one.id not in known]
        return [one for one in new if one.state.settled and one.fault == fault.fault]

    wait_until(settled, 300, lambda: f"{stores.incidents.list()}\n{cluster[0].folder / 'agent.log'}")
    (incident,) = settled()
    (run,) = stores.runs.of_incident(incident.id)
    assert incident.state is IncidentState.RECOVERED
    assert run.verdict is Verdict.RECOVERED
    assert run.plan.hosts == (fault.host,)
    assert fault.healed(hosts[fault.host])
