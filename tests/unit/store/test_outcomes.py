"""What verdicts teach about voters, and what was found out about incidents."""

from dataclasses import replace

import pytest

from agent.records import RunPhase, RunState, Verdict
from agent.records.investigations import Investigation
from agent.records.probes import ProbeAnswer
from agent.store import begin_run, save_run
from tests import make
from tests.make import NOW


def treated(stores, *verdicts, faults=("down",), state=RunState.SUCCEEDED):
    """Keep an incident with a run for each verdict, of the fault at the same place."""
    candidates = [make.candidate(fault, voters={f"rule {fault}": 0.9}) for fault in faults]
    incident = stores.incidents.add(make.incident(*candidates), "test")
    for fault, verdict in zip(faults, verdicts, strict=False):
        run = make.run(
            incident_id=incident.id, plan=make.plan(fault=fault, hosts=(f"h{incident.id}{fault}",))
        )
        told = {"state": state, "verdict": verdict, "started_at": NOW, "verified_at": NOW}
        with stores.transaction() as connection:
            run = begin_run(connection, run, "test")
            judged = replace(run, phase=RunPhase.OVER, **told)
            save_run(connection, judged, run.phase, NOW, "test", "run judged", {})


def test_a_rule_whose_repair_helped_was_right(stores):
    treated(stores, Verdict.RECOVERED)
    assert [(one.voter, one.right, one.sure) for one in stores.cases.outcomes()] == [("rule down", True, 1.0)]


def test_a_repair_that_did_not_help_half_speaks_against_the_rule(stores):
    treated(stores, Verdict.NOT_RECOVERED)
    assert [(one.right, one.sure) for one in stores.cases.outcomes()] == [(False, 0.5)]


def test_a_rule_was_wrong_when_another_fault_turned_out_to_be_it(stores):
    treated(stores, Verdict.NOT_RECOVERED, Verdict.RECOVERED, faults=("slow", "down"))
    told = {one.voter: (one.right, one.sure) for one in stores.cases.outcomes()}
    assert told == {"rule slow": (False, 1.0), "rule down": (True, 1.0)}


def test_what_nobody_can_judge_teaches_nothing(stores):
    treated(stores, Verdict.UNKNOWN)
    assert stores.cases.outcomes() == []


@pytest.mark.parametrize("state", [RunState.FAILED, RunState.INTERRUPTED, RunState.CANCELED])
def test_a_repair_that_was_not_carried_out_says_nothing_about_the_rule(stores, state):
    treated(stores, Verdict.NOT_RECOVERED, state=state)
    assert stores.cases.outcomes() == []


def test_the_newest_investigations_of_an_incident_are_kept(stores):
    incident = stores.incidents.add(make.incident(), "test")
    answer = ProbeAnswer(host="web1", probe="space", at=NOW, seconds=0.1, findings=("/ is 99 % full",))
    for number in range(5):
        stores.investigations.keep(
            Investigation(incident_id=incident.id, at=NOW, report={"summary": f"{number}"}, probes=(answer,))
        )
    kept = stores.investigations.of_incident(incident.id)
    assert [one.report["summary"] for one in kept] == ["2", "3", "4"]
    assert stores.investigations.newest(incident.id).probes == (answer,)
    assert stores.investigations.newest(99) is None


@pytest.mark.parametrize("text", ["gr\ufffdsse", "nul \0 byte"])
def test_what_hosts_say_is_kept_whatever_it_is(stores, text):
    incident = stores.incidents.add(make.incident(), "test")
    answer = ProbeAnswer(host="web1", probe="journal", at=NOW, seconds=0.1, text=text)
    stores.investigations.keep(Investigation(incident_id=incident.id, at=NOW, probes=(answer,)))
    assert stores.investigations.newest(incident.id).probes[0].host == "web1"
