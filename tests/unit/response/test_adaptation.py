"""Tests of what the response learns from its own runs, in a whole world: policy and guards stay above it."""

from __future__ import annotations

import pytest

from agent.errors import RefusedError
from agent.reasons import Reason
from agent.records import IncidentState, Verdict
from agent.response.autonomy_actions import AutonomyActions
from tests.world import ANN, BOB, CATALOG

TWO = {
    name: {"fixes": ["down"], "priority": priority, "limits": {"cooldown": "1s", "per_day": 1000}}
    for name, priority in (("alpha", 50), ("beta", 50))
}
QUICK = {
    "settle": "1s",
    "hold": "1s",
    "within": "10s",
    "relapse": "1s",
    "checks": [{"query": 'service_up{host="{host}"}', "equals": 1}],
}


def one_incident(world, heals):
    """Break a host and let runs go on until it is well: only one remediation heals. Return what ran."""
    number = len(world.incidents) + 1
    world.break_host("web1")
    world.until(lambda: len(world.incidents) == number)

    def settled():
        for work in world.at_work("steps"):
            world.finish(mend=work.run.plan.remediation == heals)
        return world.incidents[-1].state.settled

    world.until(settled, seconds=3600)
    world.pass_time(60, step=20)
    return [run.plan.remediation for run in world.runs(number)]


@pytest.mark.parametrize("priority", [50, 80])
def test_when_one_stops_helping_and_another_begins_to_that_is_tried_first_within_six(make_world, priority):
    """Also where people put the first one before it, once the figures are clear."""
    catalog = {name: {**fields, "verify": QUICK} for name, fields in TWO.items()}
    catalog["alpha"]["priority"] = priority
    world = make_world(catalog=catalog, hosts=("web1",))
    world.pass_time(15)
    for _ in range(4):
        assert one_incident(world, heals="alpha") == ["alpha"]
    tried = [one_incident(world, heals="beta") for _ in range(6)]
    assert tried[0] == ["alpha", "beta"]
    assert tried[5] == ["beta"]
    assert {run.plan.fault for one in world.incidents for run in world.runs(one.id)} == {"down"}
    assert world.runs(10)[-1].verdict is Verdict.RECOVERED
    note = world.incidents[-1].options[0].note
    assert ("clearly better than alpha" in note) is (priority == 80)


@pytest.fixture
def harmful(make_world):
    """A world in which a reinstallation made it worse, and was rolled back."""
    world = make_world(catalog={"reinstall": {**CATALOG["reinstall"], "limits": {"cooldown": "1s"}}})
    world.pass_time(15)
    world.break_host("web1")
    world.until(lambda: world.at_work("steps"))
    world.finish("fails")
    world.until(lambda: world.at_work("rollback"))
    return world


def test_autonomy_drops_at_once_after_harm_while_it_is_still_undone(harmful):
    harmful.break_host("web2")
    harmful.until(lambda: harmful.incidents[-1].state is IncidentState.AWAITING_APPROVAL)
    waiting = harmful.incidents[-1]
    assert "its autonomy is approve since run 1 had to be rolled back" in waiting.detail
    assert [run.id for run in harmful.runs(2)] == []
    assert harmful.messages("autonomy") == ["autonomy"]
    assert "autonomy lowered" in [one.action for one in harmful.stores.audit.list()]


def test_a_restart_forgets_no_rung_and_one_run_costs_one_rung(harmful):
    harmful.restart()
    harmful.until(lambda: harmful.at_work("clean_up") or harmful.at_work("rollback"))
    for kind in ("clean_up", "rollback"):
        harmful.until(lambda kind=kind: harmful.at_work(kind) or kind == "clean_up")
        harmful.finish("ok", kind=kind)
    harmful.pass_time(300, step=20)
    assert [(step.up, step.run_id) for step in harmful.stores.autonomy.list()] == [(False, 1)]


def test_below_approval_nothing_runs_unless_a_person_asks_and_another_agrees(harmful):
    pause = AutonomyActions(
        harmful.stores, harmful.people, lambda name: ["down"], lambda: "auto", harmful.clock
    )
    assert pause.step(ANN, "reinstall", "down", up=False, comment="not at night") == "suggest"
    with pytest.raises(RefusedError, match="administer"):
        pause.step(ANN, "reinstall", "down", up=True, comment="again")
    harmful.break_host("web2")
    harmful.until(lambda: harmful.incidents[-1].state is IncidentState.ESCALATED)
    assert harmful.incidents[-1].reason is Reason.AUTONOMY
    assert harmful.incidents[-1].detail.startswith("suggested: reinstall on web2")
    harmful.people.ask_for_run(2, "reinstall", ANN)
    harmful.turn()
    assert (harmful.stores.approvals.newest(2).state, harmful.runs(2)) == ("pending", [])


def test_it_goes_up_by_enough_runs_since_the_last_step_and_never_over_the_policy(make_world):
    rules = [{"id": "all", "mode": "auto", "canary": False}]
    autonomy = {"start": "approve", "runs": 3, "success": 0.5, "raise": "tell"}
    world = make_world(
        catalog={"alpha": {**TWO["alpha"], "verify": QUICK}},
        hosts=("web1",),
        policy={"remediations": rules, "autonomy": autonomy},
    )
    world.pass_time(15)
    for number in range(1, 4):
        world.break_host("web1")
        world.until(lambda number=number: world.stores.approvals.newest(number))
        world.people.vote(number, True, BOB)
        world.until(lambda: world.at_work("steps"))
        world.finish(mend=True)
        world.pass_time(60, step=10)
    assert one_incident(world, heals="alpha") == ["alpha"]
    assert world.stores.approvals.newest(4) is None
    (step,) = world.stores.autonomy.list()
    assert (step.up, step.why) == (True, "3 of 3 runs helped since (65% to 100%)")
    world.set_policy(remediations=[{"id": "all", "mode": "approve"}], autonomy=autonomy)
    world.break_host("web1")
    world.until(lambda: world.incidents[-1].state is IncidentState.AWAITING_APPROVAL)


def test_where_the_policy_says_so_a_relapse_is_harm_too(make_world):
    world = make_world(
        catalog={"alpha": {**TWO["alpha"], "verify": {**QUICK, "relapse": "1h"}}},
        hosts=("web1",),
        policy={"autonomy": {"harm": ["relapse"]}},
    )
    world.pass_time(15)
    assert one_incident(world, heals="alpha") == ["alpha"]
    world.break_host("web1")
    world.until(lambda: world.incidents[-1].state is IncidentState.AWAITING_APPROVAL)
    assert world.incidents[-1].detail.endswith("since what run 1 had healed broke again")
