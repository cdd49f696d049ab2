"""Tests of what the response learns from its own runs, in a whole world: policy and guards stay above it."""

from __future__ import annotations

import pytest

from agent.records import Verdict

TWO = {
    name: {"fixes": ["down"], "priority": priority, "limits": {"cooldown": "1s", "per_day": 1000}}
    for name, priority in (("alpha", 50), ("beta", 50))
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
    verify = {
        "settle": "1s",
        "hold": "1s",
        "within": "10s",
        "relapse": "1s",
        "checks": [{"query": 'service_up{host="{host}"}', "equals": 1}],
    }
    catalog = {name: {**fields, "verify": verify} for name, fields in TWO.items()}
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
