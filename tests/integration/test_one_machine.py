"""Two names of one machine: whichever a label says, it is one machine for everything that limits runs."""

import pytest

from agent.reasons import Reason
from agent.records import IncidentState
from tests.integration.workshop import MEND, drive, settled
from tests.operator.site import ELSEWHERE

ONE = {"ansible_host": "10.0.0.9"}
BOTH = {"web1", "www"}


@pytest.fixture
def workshop(workshop):
    """An inventory with a machine of two names, and one of one; who works on it writes that down."""
    workshop.hosts = ["web1", "www", "web3"]
    variables = {**ELSEWHERE, "broken": str(workshop.broken), "log": str(workshop.folder / "log")}
    hosts = {"web1": ONE, "www": ONE, "web3": {"ansible_host": "10.0.0.3"}}
    workshop.write("hosts.yml", {"all": {"hosts": hosts, "vars": variables}})
    return workshop


def mend(workshop, **limits):
    shell = "ansible.builtin.shell"
    begin = {"name": "Begin", shell: "echo begin {{ inventory_hostname }} >> {{ log }}; sleep 1"}
    end = {"name": "End", shell: "echo end {{ inventory_hostname }} >> {{ log }}"}
    workshop.remediation("mend", [begin, *MEND, end], limits={"cooldown": "0s", "per_day": 100, **limits})


def break_at_once(workshop, agent, *names):
    drive(agent, lambda: agent.pipeline.health.polls >= 2)
    for name in names:
        workshop.break_host(name)


def of(agent):
    return {one.entity: (one.state, one.reason) for one in agent.stores.incidents.list()}


def test_two_names_at_once_are_two_runs_one_after_the_other(workshop, make_agent):
    """And one host of the blast radius, which has room for one here."""
    workshop.policy(guards={"blast_radius": {"hosts": 1, "within": "1h"}, "storm": {"incidents": 1000}})
    mend(workshop)
    agent = make_agent()
    break_at_once(workshop, agent, "web1", "www")
    drive(agent, settled(agent.stores, 2))
    assert of(agent) == dict.fromkeys(BOTH, (IncidentState.RECOVERED, Reason.CHECKS_HELD))
    words = [line.split() for line in (workshop.folder / "log").read_text().splitlines()]
    assert [what for what, _ in words] == ["begin", "end"] * 2
    assert words[0][1] == words[1][1] != words[2][1] == words[3][1]
    first, second = sorted(
        (run for one in agent.stores.incidents.list() for run in agent.stores.runs.of_incident(one.id)),
        key=lambda run: run.id,
    )
    assert first.plan.machines == second.plan.machines
    assert second.created_at >= first.ended_at
    workshop.break_host("web3")
    drive(agent, lambda: of(agent).get("web3", ("", ""))[1] is Reason.BLAST_RADIUS)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [({"cooldown": "1h"}, Reason.COOLDOWN), ({"per_day": 1}, Reason.DAILY_LIMIT)],
)
def test_what_one_name_has_used_up_the_other_lacks(workshop, make_agent, limits, reason):
    mend(workshop, **limits)
    agent = make_agent()
    break_at_once(workshop, agent, "web1", "www")
    wanted = {(IncidentState.RECOVERED, Reason.CHECKS_HELD), (IncidentState.HELD, reason)}
    drive(agent, lambda: set(of(agent).values()) == wanted)
    assert (workshop.folder / "log").read_text().count("begin") == 1
