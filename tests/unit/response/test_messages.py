"""What people are told is written with what it tells about: once, whatever gets in between."""

from dataclasses import replace

import pytest

from agent.records import IncidentState


def test_conflicts_with_a_poll_bring_no_second_page(world, monkeypatch):
    """A poll changes the incident between the look at it and the word about it, again and again."""
    world.set_policy(remediations=[])
    world.pass_time(15)
    really, conflicts = type(world.responder._deciding).escalate, []

    def escalate(deciding, incident, *more):
        if len(conflicts) < 3:
            current = world.stores.incidents.get(incident.id)
            world.stores.incidents.save(replace(current, title=f"poll {len(conflicts)}"), "a poll")
            conflicts.append(incident.id)
        really(deciding, incident, *more)

    monkeypatch.setattr(type(world.responder._deciding), "escalate", escalate)
    world.break_host("web1")
    world.until(lambda: world.incidents and world.incidents[0].state is IncidentState.ESCALATED)
    assert len(conflicts) == 3
    assert world.messages() == ["escalated"]


@pytest.mark.parametrize("write", range(6))
def test_a_crash_around_an_escalation_neither_loses_nor_repeats_its_page(make_world, write):
    world = make_world(policy={"remediations": []})
    world.pass_time(15)
    world.break_host("web1")
    world.kill_before_write(write)
    world.until(lambda: world.incidents and world.incidents[0].state is IncidentState.ESCALATED)
    world.pass_time(60)
    assert world.messages() == ["escalated"]


@pytest.mark.parametrize("write", range(8))
def test_a_crash_around_a_question_neither_loses_nor_repeats_it(make_world, write):
    rules = {"remediations": [{"id": "ask", "mode": "approve"}]}
    world = make_world(policy=rules)
    world.pass_time(15)
    world.break_host("web1")
    world.kill_before_write(write)
    asked = IncidentState.AWAITING_APPROVAL
    world.until(lambda: world.incidents and world.incidents[0].state is asked)
    world.pass_time(60)
    assert world.messages() == ["approval"]
    assert world.stores.approvals.newest(1).state == "pending"


def test_who_was_woken_hears_that_it_is_over(world):
    world.set_policy(remediations=[{"id": "ask", "mode": "approve", "canary": False}])
    world.pass_time(15)
    world.break_host("web1")
    world.until(lambda: world.messages("approval"))
    world.set_policy(remediations=[{"id": "all", "mode": "auto", "canary": False}])
    world.until(lambda: world.at_work("steps"))
    world.finish(mend=True)
    world.until(lambda: world.incidents[0].state.settled)
    assert world.messages() == ["approval", "recovered"]
