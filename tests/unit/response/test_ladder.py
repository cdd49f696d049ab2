"""What is for people goes up the ladder until somebody takes it, and whoever takes it is named."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from agent.errors import ConflictError, OpsmendError, RefusedError
from agent.records import IncidentState, Person
from tests.world import ANN, BOB

LADDER = {"contacts": [{"notify": ["oncall"]}, {"notify": ["lead"], "after": "15m"}]}


@pytest.fixture
def world(make_world):
    """An incident that nothing may be run for, so that it is for people."""
    made = make_world(policy={"remediations": [], "approval": LADDER})
    made.pass_time(15)
    made.break_host("web1")
    made.until(lambda: made.incidents and made.incidents[0].state is IncidentState.ESCALATED)
    return made


def called(world, state="sent"):
    return [(one.kind, one.target) for one in world.stores.notifications.of_incident(1) if one.state == state]


def test_whoever_comes_next_on_the_ladder_is_called_when_nobody_takes_it(world):
    world.pass_time(14 * 60, step=60)
    assert called(world) == [("escalated", "oncall")]
    world.pass_time(2 * 60, step=60)
    assert called(world) == [("escalated", "oncall"), ("escalated", "lead")]


def test_once_somebody_has_it_nobody_further_is_called_and_who_was_is_told(world):
    world.pass_time(10)
    taken = world.people.acknowledge(1, ANN, "on my way")
    assert (taken.acknowledged_by, taken.acknowledged_at) == ("ann", world.clock.now())
    world.pass_time(3600, step=300)
    assert called(world) == [("escalated", "oncall"), ("acknowledged", "oncall")]
    (entry,) = [one for one in world.stores.audit.list("incident 1") if one.action == "incident acknowledged"]
    assert (entry.actor, entry.detail) == ("ann", {"comment": "on my way"})


def test_another_takes_it_over_only_on_purpose(world):
    world.people.acknowledge(1, ANN)
    assert world.people.acknowledge(1, ANN).version == world.incidents[0].version  # a second press is nothing
    with pytest.raises(ConflictError, match="ann has incident 1 since"):
        world.people.acknowledge(1, BOB)
    assert world.people.acknowledge(1, BOB, take_over=True).acknowledged_by == "bob"


def test_of_two_who_press_at_once_one_has_it(world):
    def press(number):
        try:
            return world.people.acknowledge(1, Person(("ann", "bob", "carol")[number])).acknowledged_by
        except ConflictError:
            return None

    with ThreadPoolExecutor(3) as pool:
        won = [name for name in pool.map(press, range(3)) if name]
    assert won == [world.incidents[0].acknowledged_by]


def test_nobody_takes_what_is_over_or_not_for_people_or_without_the_right(make_world, world):
    with pytest.raises(RefusedError, match="mallory may not close"):
        world.people.acknowledge(1, Person("mallory"))
    world.people.close(1, ANN)
    with pytest.raises(RefusedError, match="incident 1 is closed"):
        world.people.acknowledge(1, ANN)
    busy = make_world()
    busy.pass_time(15)
    busy.break_host("web1")
    busy.until(lambda: busy.at_work("steps"))
    with pytest.raises(OpsmendError, match="incident 1 is remediating"):
        busy.people.acknowledge(1, ANN)


def test_when_it_is_over_nobody_further_is_called_and_who_was_hears_it(world):
    world.pass_time(10)
    world.mend_host("web1")
    world.until(lambda: world.incidents[0].state.final)
    world.pass_time(3600, step=300)
    assert called(world) == [("escalated", "oncall"), ("over", "oncall")]
    assert called(world, "dropped") == [("escalated", "lead")]


def test_what_the_agent_takes_back_and_gives_to_people_again_is_to_be_taken_anew(world):
    world.people.acknowledge(1, ANN)
    world.people.ask_for_run(1, "restart", BOB)
    world.set_policy(approval=LADDER)
    world.until(lambda: world.at_work("steps"))
    assert world.incidents[0].acknowledged_by is None
    world.finish("failed", kind="steps")
    world.until(lambda: world.at_work("clean_up"))
    world.finish()
    world.set_policy(remediations=[], approval=LADDER)
    world.until(lambda: world.incidents[0].state is IncidentState.ESCALATED)
    world.pass_time(20 * 60, step=60)
    assert called(world)[-1] == ("escalated", "lead")
    assert world.clock.now() - world.incidents[0].opened_at > timedelta(minutes=15)
