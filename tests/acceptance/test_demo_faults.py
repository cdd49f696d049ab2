"""The demo's faults on real systemd hosts: the agent is told nothing and heals each one."""

import pytest

from agent.demo.faults import FAULTS
from agent.records import IncidentState, Verdict
from tests.servers.process import wait_until


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.fault for fault in FAULTS])
def test_a_fault_is_found_named_healed_and_proved(cluster, stores, fault):
    hosts = cluster[0].hosts
    known = {incident.id for incident in stores.incidents.list(limit=1000)}
    fault.inject(hosts[fault.host])

    def settled():
        new = [one for one in stores.incidents.list() if one.id not in known]
        return [one for one in new if one.state.settled and one.fault == fault.fault]

    # what takes a processor cannot have one while other tests do: it is seen once they let it. Beside it an
    # exporter that gets no turn may be an incident of its own.
    wait_until(settled, 600, lambda: f"{stores.incidents.list()}\n{cluster[0].folder / 'agent.log'}")
    (incident,) = settled()
    (run,) = stores.runs.of_incident(incident.id)
    assert incident.state is IncidentState.RECOVERED
    assert run.verdict is Verdict.RECOVERED
    assert run.plan.hosts == (fault.host,)
    assert fault.healed(hosts[fault.host])
