"""The closed loop with real parts: found, diagnosed, run by Ansible, proved on fresh metrics."""

import time
from copy import deepcopy
from dataclasses import replace

import pytest

from agent.decide import Decider
from agent.reasons import Reason
from agent.records import IncidentState, Person, RunState, Verdict
from tests.integration.workshop import MEND, RULES, drive, settled
from tests.make import success
from tests.servers.process import wait_until

SHELL = "ansible.builtin.command"


def only(agent):
    (incident,) = agent.stores.incidents.list()
    return incident, agent.stores.runs.of_incident(incident.id)


def test_a_broken_host_is_found_mended_and_verified(workshop, make_agent):
    agent = make_agent()
    drive(agent, lambda: agent.pipeline.health.polls >= 2)
    workshop.break_host("web2")
    drive(agent, settled(agent.stores))
    incident, (run,) = only(agent)
    assert (incident.state, incident.reason) == (IncidentState.RECOVERED, Reason.CHECKS_HELD)
    assert (incident.entity, incident.fault) == ("web2", "broken")
    assert (run.state, run.verdict, run.plan.hosts) == (RunState.SUCCEEDED, Verdict.RECOVERED, ("web2",))
    assert run.steps[0].changed == ("web2",)
    check = run.checks[0]
    assert (check.before, check.after, check.holds) == (0, 1, True)
    assert [e.status for e in agent.stores.runs.events(run.id)] == ["started", "changed"]
    told = [one.state for one in agent.stores.incidents.transitions(incident.id)]
    assert told == [
        IncidentState.OPEN,
        IncidentState.REMEDIATING,
        IncidentState.VERIFYING,
        IncidentState.RECOVERED,
    ]
    assert agent.stores.history.busy_hosts() == frozenset()


def test_a_playbook_that_succeeds_and_does_not_help_counts_as_failed(workshop, make_agent):
    """Exit code 0 is not recovery; the next fitting remediation has its turn."""
    workshop.remediation(
        "useless", [{"name": "Nothing", "ansible.builtin.debug": {"msg": "hi"}}], priority=90
    )
    agent = make_agent()
    workshop.break_host("web1")
    drive(agent, settled(agent.stores))
    incident, runs = only(agent)
    assert [(run.plan.remediation, run.verdict) for run in runs] == [
        ("useless", Verdict.NOT_RECOVERED),
        ("mend", Verdict.RECOVERED),
    ]
    assert incident.state is IncidentState.RECOVERED


def test_when_nothing_helps_people_are_called_and_nothing_is_repeated(workshop, make_agent):
    workshop.remediation("mend", [{"name": "Nothing", "ansible.builtin.debug": {"msg": "hi"}}])
    agent = make_agent()
    workshop.break_host("web1")
    drive(agent, settled(agent.stores))
    for _ in range(5):
        agent.pipeline.poll()
    incident, runs = only(agent)
    assert (incident.state, incident.reason) == (IncidentState.ESCALATED, Reason.REMEDIATIONS_EXHAUSTED)
    assert len(runs) == 1


def test_an_escalated_incident_clears_when_people_mend_it(workshop, make_agent):
    workshop.remediation("mend", [{"name": "Fail", "ansible.builtin.fail": {"msg": "cannot"}}])
    agent = make_agent()
    workshop.break_host("web1")
    drive(agent, settled(agent.stores))
    (workshop.broken / "web1").unlink()
    drive(agent, lambda: only(agent)[0].state is IncidentState.CLEARED)


@pytest.mark.parametrize(
    ("tasks", "timeout", "state", "reason", "said"),
    [
        (
            [{"name": "Fail", "ansible.builtin.fail": {"msg": "no such luck"}}],
            "30s",
            RunState.FAILED,
            Reason.STEP_FAILED,
            "no such luck",
        ),
        ([{"name": "Hang", SHELL: "sleep 61"}], "2s", RunState.TIMED_OUT, Reason.STEP_TIMED_OUT, ""),
        (
            [{"name": "Bad", "no.such.module": {}}],
            "30s",
            RunState.FAILED,
            Reason.STEP_FAILED,
            "no.such.module",
        ),
    ],
    ids=["fails", "hangs", "is broken"],
)
def test_a_playbook_that_goes_wrong_says_why(workshop, make_agent, tasks, timeout, state, reason, said):
    steps = [{"name": "go", "playbook": "playbook.yml", "timeout": timeout}]
    workshop.remediation("mend", tasks, steps=steps)
    agent = make_agent()
    workshop.break_host("web1")
    drive(agent, settled(agent.stores), timeout_s=30)
    incident, (run,) = only(agent)
    assert (run.state, run.reason, run.verdict) == (state, reason, Verdict.NOT_RECOVERED)
    assert said in run.detail
    assert incident.state is IncidentState.ESCALATED


@pytest.mark.parametrize("change", ["gone", "other"])
def test_files_that_changed_since_they_were_loaded_do_not_run(workshop, make_agent, change):
    agent = make_agent()
    playbook = workshop.folder / "playbooks" / "mend" / "playbook.yml"
    playbook.unlink() if change == "gone" else playbook.write_text(playbook.read_text() + "# x\n")
    workshop.break_host("web1")
    drive(agent, lambda: agent.stores.incidents.list([IncidentState.HELD]))
    incident, runs = only(agent)
    assert (incident.reason, runs) == (Reason.PLAN_CHANGED, [])


def test_a_playbook_whose_hosts_line_matches_nobody_did_not_succeed(workshop, make_agent):
    workshop.write(
        "playbooks/mend/playbook.yml",
        [{"name": "Play", "hosts": "databases", "gather_facts": False, "tasks": MEND}],
    )
    agent = make_agent()
    workshop.break_host("web1")
    drive(agent, settled(agent.stores))
    _, (run,) = only(agent)
    assert (run.state, run.reason) == (RunState.FAILED, Reason.PLAY_REFUSED)
    assert "'databases' matches no host" in run.detail


def test_a_host_that_is_not_in_the_inventory_is_not_touched(workshop, make_agent):
    agent = make_agent()
    workshop.hosts.append("stranger")
    workshop.break_host("stranger")
    drive(agent, settled(agent.stores))
    incident, runs = only(agent)
    assert (incident.state, incident.reason) == (IncidentState.ESCALATED, Reason.TARGET_UNKNOWN)
    assert runs == []


def test_an_unreachable_host_is_named(workshop, make_agent):
    workshop.inventory(
        {
            "ansible_connection": "ssh",
            "ansible_host": "127.0.0.1",
            "ansible_port": 1,
            "ansible_ssh_retries": 0,
        }
    )
    agent = make_agent()
    workshop.break_host("web1")
    drive(agent, settled(agent.stores), timeout_s=90)
    incident, runs = only(agent)
    # nothing was done, so it is no failure of the remediation: tried again, and then people go and look
    assert [run.verdict_reason for run in runs] == [Reason.HOST_UNREACHABLE] * 3
    assert (incident.state, incident.reason) == (IncidentState.ESCALATED, Reason.HOST_UNREACHABLE)
    assert success(agent.stores.history, "mend", "broken") == (0, 0)


def test_series_that_disappear_neither_start_nor_heal_anything(workshop, make_agent):
    agent = make_agent()
    drive(agent, lambda: agent.pipeline.health.polls >= 2)
    workshop.blind.add("web1")
    for _ in range(12):
        agent.pipeline.poll()
    workshop.prometheus.expose({})
    agent.pipeline.poll()
    assert agent.stores.incidents.list() == []


def test_metrics_that_go_missing_after_the_run_are_unknown_and_for_people(workshop, make_agent):
    agent = make_agent()
    drive(agent, lambda: agent.pipeline.health.polls >= 2)
    workshop.break_host("web1")
    drive(agent, lambda: agent.stores.incidents.list([IncidentState.REMEDIATING]))
    workshop.blind.add("web1")
    drive(agent, settled(agent.stores))
    incident, (run,) = only(agent)
    assert (run.verdict, run.verdict_reason) == (Verdict.UNKNOWN, Reason.METRICS_MISSING)
    assert (incident.state, incident.reason) == (IncidentState.ESCALATED, Reason.METRICS_MISSING)


def test_rollback_runs_after_a_failed_step_and_the_run_still_failed(workshop, make_agent):
    workshop.remediation(
        "mend",
        [{"name": "Fail", "ansible.builtin.fail": {"msg": "no"}}],
        rollback={"playbook": "rollback.yml", "on": ["step_failed"]},
    )
    undone = workshop.folder / "undone"
    workshop.playbook(
        "mend",
        "rollback.yml",
        [{"name": "Undo", "ansible.builtin.file": {"path": str(undone), "state": "touch"}}],
    )
    agent = make_agent()
    workshop.break_host("web1")
    drive(agent, settled(agent.stores))
    _, (run,) = only(agent)
    assert undone.exists()
    assert run.state is RunState.FAILED
    assert [step.name for step in run.steps] == ["go", "rollback"]


SIDE_BY_SIDE = [{"id": "everything", "mode": "auto", "canary": False}]


def test_two_broken_hosts_are_two_incidents_healed_side_by_side(workshop, make_agent):
    workshop.policy(remediations=SIDE_BY_SIDE)
    agent = make_agent()
    workshop.break_host("web1")
    workshop.break_host("web2")
    drive(agent, settled(agent.stores, 2))
    assert {one.state for one in agent.stores.incidents.list()} == {IncidentState.RECOVERED}
    runs = [agent.stores.runs.of_incident(one.id)[0] for one in agent.stores.incidents.list()]
    assert max(one.created_at for one in runs) < min(one.ended_at for one in runs)


def test_of_several_hosts_with_one_fault_one_tries_the_remedy_first(workshop, make_agent):
    agent = make_agent()
    for host in workshop.hosts:
        workshop.break_host(host)
    drive(agent, settled(agent.stores, 3))
    runs = [agent.stores.runs.of_incident(one.id)[0] for one in agent.stores.incidents.list()]
    first, *rest = sorted(runs, key=lambda run: run.created_at)
    assert {one.state for one in agent.stores.incidents.list()} == {IncidentState.RECOVERED}
    assert all(run.created_at >= first.verified_at for run in rest)


def test_a_bad_remedy_reaches_no_more_hosts_than_may_fail(workshop, make_agent):
    workshop.policy(
        remediations=SIDE_BY_SIDE,
        guards={"circuit": {"failures": 2, "reset": "1h"}, "storm": {"incidents": 1000}},
    )
    workshop.config["remediate"]["max_parallel"] = 8
    workshop.remediation("mend", [{"name": "Nothing", "ansible.builtin.debug": {"msg": "hi"}}])
    agent = make_agent()
    for host in workshop.hosts:
        workshop.break_host(host)
    escalated = [IncidentState.ESCALATED]
    drive(agent, lambda: len(agent.stores.incidents.list(escalated)) == 2)
    (spared,) = agent.stores.incidents.list([IncidentState.HELD])
    assert (spared.reason, agent.stores.runs.of_incident(spared.id)) == (Reason.CIRCUIT_OPEN, [])


def test_at_most_so_many_runs_at_once(workshop, make_agent):
    workshop.config["remediate"]["max_parallel"] = 1
    agent = make_agent()
    for host in workshop.hosts:
        workshop.break_host(host)
    seen = set()
    deadline_states = settled(agent.stores, 3)

    def until():
        seen.add(len(agent.stores.incidents.list([IncidentState.REMEDIATING])))
        return deadline_states()

    drive(agent, until, timeout_s=40)
    assert max(seen) == 1
    assert {one.state for one in agent.stores.incidents.list()} == {IncidentState.RECOVERED}


def test_the_end_of_a_run_makes_room_for_the_next_without_another_turn(workshop, make_agent):
    workshop.policy(remediations=SIDE_BY_SIDE)
    workshop.config["remediate"]["max_parallel"] = 1
    agent = make_agent()
    drive(agent, lambda: agent.pipeline.health.polls >= 2)
    for host in ("web1", "web2"):
        workshop.break_host(host)
    drive(agent, lambda: len(agent.stores.incidents.list()) == 2)

    def both_ran():
        incidents = agent.stores.incidents.list()
        return all(agent.stores.runs.of_incident(one.id) for one in incidents)

    wait_until(both_ran, 60)  # nobody polls, nobody ticks


def test_the_end_of_a_run_is_not_lost_when_polls_change_its_incident_meanwhile(
    workshop, make_agent, monkeypatch
):
    workshop.config["remediate"]["max_parallel"] = 1
    agent = make_agent()
    incidents = agent.stores.incidents
    really_get = incidents.get
    changed = []

    def get(incident_id):
        found = really_get(incident_id)
        if len(changed) < 12:  # more than the end of a run is tried at once
            changed.append(incidents.save(replace(found, detail=f"change {len(changed)}"), "a poll"))
        return found

    monkeypatch.setattr(incidents, "get", get)
    drive(agent, lambda: agent.pipeline.health.polls >= 2)
    for host in ("web1", "web2"):
        workshop.break_host(host)
    at_work = []

    def until():
        at_work.append(len(incidents.list([IncidentState.REMEDIATING])))
        return settled(agent.stores, 2)()

    drive(agent, until)
    assert len(changed) == 12
    assert max(at_work) == 1  # what is over and not yet written makes no room for another
    runs = [run for one in incidents.list() for run in agent.stores.runs.of_incident(one.id)]
    assert [run.state for run in runs] == [RunState.SUCCEEDED] * 2


def test_nothing_begins_once_somebody_was_told_that_the_agent_is_paused(workshop, make_agent, monkeypatch):
    agent = make_agent()
    really_changed = Decider.changed

    def changed(decider, plan):  # the last question before a run begins
        agent.stores.pauses.begin("ann", "look", agent.clock.now(), None)
        return really_changed(decider, plan)

    monkeypatch.setattr(Decider, "changed", changed)
    drive(agent, lambda: agent.pipeline.health.polls >= 2)
    workshop.break_host("web1")
    drive(agent, lambda: [one.state for one in agent.stores.incidents.list()] == [IncidentState.HELD])
    incident, runs = only(agent)
    assert incident.reason is Reason.PAUSED
    assert runs == []


def test_an_incident_is_looked_into_once_no_repair_is_at_work(workshop, make_agent):
    gate = workshop.folder / "go on"
    wait = {"argv": ["sh", "-c", 'until [ -e "$0" ]; do sleep 0.1; done', str(gate)]}
    workshop.remediation("mend", [{"name": "Wait", SHELL: wait}, *MEND])
    agent = make_agent()
    drive(agent, lambda: agent.pipeline.health.polls >= 2)
    workshop.break_host("web1")
    drive(agent, lambda: agent.workers.at_work)
    (incident,) = agent.stores.incidents.list()
    time.sleep(2)
    assert not agent.investigator.idle
    assert agent.stores.investigations.newest(incident.id) is None
    gate.touch()
    drive(agent, lambda: agent.investigator.idle)
    assert agent.stores.investigations.newest(incident.id) is not None


class TestModes:
    def test_observe_says_what_it_would_do_and_does_nothing(self, workshop, make_agent):
        workshop.config["agent"]["mode"] = "observe"
        agent = make_agent()
        workshop.break_host("web1")
        drive(agent, lambda: agent.stores.incidents.list([IncidentState.HELD]))
        incident, runs = only(agent)
        assert incident.reason is Reason.MODE_OBSERVE
        assert "mend on web1" in incident.detail
        assert runs == []

    def test_approve_waits_for_a_yes_and_runs_once(self, workshop, make_agent, clock):
        workshop.config["agent"]["mode"] = "approve"
        agent = make_agent()
        workshop.break_host("web1")
        drive(agent, lambda: agent.stores.incidents.list([IncidentState.AWAITING_APPROVAL]))
        for _ in range(3):
            agent.pipeline.poll()
        incident, runs = only(agent)
        assert runs == []
        agent.stores.approvals.vote(incident.id, Person("ann"), True, "go", agent.clock.now())
        drive(agent, settled(agent.stores))
        incident, (run,) = only(agent)
        assert (incident.state, run.actor) == (IncidentState.RECOVERED, "ann")

    def test_a_no_gives_it_to_people(self, workshop, make_agent, clock):
        workshop.config["agent"]["mode"] = "approve"
        agent = make_agent()
        workshop.break_host("web1")
        drive(agent, lambda: agent.stores.incidents.list([IncidentState.AWAITING_APPROVAL]))
        agent.stores.approvals.vote(1, Person("bob"), False, "not now", agent.clock.now())
        drive(agent, settled(agent.stores))
        incident, runs = only(agent)
        assert (incident.state, incident.reason) == (IncidentState.ESCALATED, Reason.DENIED)
        assert (incident.detail, runs) == ("bob: not now", [])

    def test_what_waits_for_longer_than_its_rule_looks_back_is_still_there_and_mended(
        self, workshop, make_agent
    ):
        rules = deepcopy(RULES)
        rules["rules"][0]["when"]["was"] = {"above": 0.5, "within": "2s"}
        workshop.write("rules/diagnosis/test.yml", rules)
        agent = make_agent()
        drive(agent, lambda: agent.pipeline.health.polls >= 3)
        agent.stores.pauses.begin("ann", "deploy", agent.clock.now(), None)
        workshop.break_host("web1")
        drive(agent, lambda: agent.stores.incidents.list([IncidentState.HELD]))
        until = time.monotonic() + 5
        drive(agent, lambda: time.monotonic() > until)
        assert only(agent)[0].symptomatic
        agent.stores.pauses.end("ann", agent.clock.now())
        drive(agent, settled(agent.stores))
        assert only(agent)[0].reason is Reason.CHECKS_HELD

    def test_a_pause_holds_and_its_end_lets_go(self, workshop, make_agent):
        agent = make_agent()
        agent.stores.pauses.begin("ann", "deploy", agent.clock.now(), None)
        workshop.break_host("web1")
        drive(agent, lambda: agent.stores.incidents.list([IncidentState.HELD]))
        assert only(agent)[0].reason is Reason.PAUSED
        agent.stores.pauses.end("ann", agent.clock.now())
        drive(agent, settled(agent.stores))
        assert only(agent)[0].state is IncidentState.RECOVERED
