"""What passes is waited for: nothing harsher is done instead, people hear of it once, and it goes on."""

from datetime import timedelta

import pytest

from agent.reasons import Reason
from agent.records import IncidentState, Verdict
from tests.make import success
from tests.world import ANN, CATALOG

HELD = IncidentState.HELD


def heal_once(world, host="web1"):
    """Let a fault be healed, so that its remediation cools down."""
    world.pass_time(15)
    world.break_host(host)
    world.until(lambda: world.at_work("steps"))
    world.finish(mend=True)
    world.until(lambda: all(one.state.settled for one in world.incidents))
    world.until(lambda: not world.incidents[-1].symptomatic)


def test_the_harsher_remedy_is_not_started_while_the_mild_one_cools_down(world):
    heal_once(world)
    world.break_host("web1")
    world.until(lambda: len(world.incidents) == 2)
    world.pass_time(600, step=30)
    again = world.incidents[1]
    assert (again.state, again.reason) == (HELD, Reason.COOLDOWN)
    assert again.waits_until is not None
    assert world.at_work() == []
    # people hear once of a critical fault that is held back, and it goes on when the time is over
    assert world.messages("waiting") == ["waiting"]
    world.until(lambda: world.at_work("steps"), seconds=1800, step=30)
    assert world.at_work("steps")[0].run.plan.remediation == "restart"
    assert world.messages("escalated") == []


def test_what_is_not_critical_is_told_only_when_it_waits_long(make_world):
    world = make_world(catalog={"repair": {"fixes": ["failing"], "limits": {"cooldown": "3h"}}})
    world.pass_time(15)
    world.break_host("web1", "unit_failed")
    world.until(lambda: world.at_work("steps"))
    world.finish(mend=True)
    world.until(lambda: not world.incidents[0].symptomatic)
    world.break_host("web1", "unit_failed")
    world.until(lambda: len(world.incidents) == 2)
    world.pass_time(3000, step=60)
    assert world.messages("waiting") == []
    world.pass_time(1200, step=60)
    assert world.messages("waiting") == ["waiting"]


@pytest.mark.parametrize(
    ("guards", "hosts", "reason"),
    [
        ({"storm": {"incidents": 3, "within": "5m"}}, 3, Reason.STORM),
        ({"blast_radius": {"hosts": 2, "within": "1h"}}, 3, Reason.BLAST_RADIUS),
    ],
)
def test_a_guard_that_counts_lets_go_once_the_count_is_old(make_world, guards, hosts, reason):
    world = make_world(policy={"guards": {"flapping": {"times": 100}, **guards}})
    world.pass_time(15)
    for number in range(1, hosts + 1):
        world.break_host(f"web{number}")
    held = []
    world.until(lambda: held.extend(one for one in world.incidents if one.reason is reason) or held)
    assert {one.state for one in held} == {HELD}
    for _ in range(200):
        world.pass_time(60, step=20)
        world.finish(mend=True)
        if all(one.state.settled for one in world.incidents):
            break
    assert {one.state for one in world.incidents} == {IncidentState.RECOVERED}, world.describe()


def test_a_daily_limit_passes_with_the_day(make_world):
    once = {"restart": {**CATALOG["restart"], "limits": {"cooldown": "0s", "per_day": 1}}}
    world = make_world(catalog=once)
    heal_once(world)
    world.break_host("web1")
    world.until(lambda: len(world.incidents) == 2 and world.incidents[1].reason is Reason.DAILY_LIMIT)
    world.pass_time(80_000, step=2000)
    assert world.at_work() == []
    world.until(lambda: world.at_work("steps"), seconds=10_000, step=500)


def test_an_open_circuit_lets_one_try_after_its_time(make_world):
    guards = {"circuit": {"failures": 1, "reset": "10m"}}
    world = make_world(policy={"guards": guards}, catalog={"restart": CATALOG["restart"]})
    world.pass_time(15)
    world.break_host("web1")
    world.until(lambda: world.at_work("steps"))
    world.finish("fails")
    for host in ("web2", "web3"):
        world.break_host(host)
    world.until(lambda: len(world.incidents) == 3)
    world.pass_time(60)
    assert [one.reason for one in world.incidents[1:]] == [Reason.CIRCUIT_OPEN] * 2
    world.until(lambda: world.at_work("steps"), step=20)
    world.pass_time(30)
    assert len(world.at_work("steps")) == 1  # one, and no more before its verdict
    world.finish(mend=True)
    world.until(lambda: world.at_work("steps"))
    world.finish(mend=True)
    world.until(lambda: all(one.state.settled for one in world.incidents))


def test_what_an_older_agent_gave_to_people_for_a_passing_reason_is_no_dead_end(world):
    heal_once(world)
    world.break_host("web1")
    world.until(lambda: len(world.incidents) == 2 and world.incidents[1].reason is Reason.COOLDOWN)
    with world.stores.transaction() as connection:
        connection.exec_driver_sql("update incidents set state = 'escalated' where id = 2")
    world.until(lambda: world.at_work("steps"), seconds=2400, step=30)


def test_after_a_verdict_the_next_decision_waits_for_samples_newer_than_it(make_world):
    """A remedy that turned "down" into "failing": the remedy of that is at hand, and is what runs."""
    catalog = {"restart": {"fixes": ["down"]}, "repair": {"fixes": ["failing"]}}
    world = make_world(catalog=catalog)
    world.pass_time(15)
    world.break_host("web1")
    world.until(lambda: world.at_work("steps"))
    world.break_host("web1", "unit_failed")
    world.finish("fails")
    world.turn()  # and no poll since
    assert (world.incidents[0].state, world.incidents[0].reason) == (HELD, Reason.AWAITING_FRAME)
    world.until(lambda: world.at_work("steps"))
    assert world.at_work("steps")[0].run.plan.remediation == "repair"
    assert world.messages("escalated") == []


def test_when_nothing_is_seen_for_long_after_a_run_people_look(make_world):
    world = make_world()
    world.pass_time(15)
    world.break_host("web1")
    world.until(lambda: world.at_work("steps"))
    world.metrics.down = True
    world.finish("fails")
    world.until(lambda: world.incidents[0].state.settled, seconds=900, step=20)
    assert world.incidents[0].reason is Reason.METRICS_MISSING
    assert len(world.runs()) == 1


def test_an_interrupted_run_may_be_repeated_within_the_cooldown_that_it_began(make_world):
    rules = [{"id": "all", "mode": "auto", "repeat_interrupted": True}]
    world = make_world(policy={"remediations": rules}, catalog={"restart": CATALOG["restart"]})
    world.pass_time(15)
    world.break_host("web1")
    world.until(lambda: world.at_work("steps"))
    world.restart()
    world.until(lambda: world.at_work("clean_up"))
    world.finish("ok")
    world.until(lambda: world.at_work("steps"))
    world.finish(mend=True)
    world.until(lambda: world.incidents[0].state.settled)
    assert [run.verdict for run in world.runs()] == [Verdict.NOT_RECOVERED, Verdict.RECOVERED]


def test_relapses_count_against_the_record_of_what_healed_them(world):
    heal_once(world)
    assert success(world.stores.history, "restart", "down") == (1, 1)
    world.pass_time(600, step=30)
    world.break_host("web1")
    world.until(lambda: len(world.incidents) == 2)
    assert success(world.stores.history, "restart", "down") == (0, 1)
    assert world.runs(1)[0].relapsed_at is not None


def test_what_breaks_again_after_long_is_no_relapse(world):
    heal_once(world)
    world.pass_time(4000, step=100)
    world.break_host("web1")
    world.until(lambda: len(world.incidents) == 2)
    assert success(world.stores.history, "restart", "down") == (1, 1)


def test_a_person_sees_why_and_until_when_an_incident_waits(world):
    end = world.clock.now() + timedelta(hours=1)
    world.people.pause(ANN, "deploy", end)
    world.pass_time(15)
    world.break_host("web1")
    world.until(lambda: world.incidents)
    incident = world.incidents[0]
    assert (incident.reason, incident.waits_until) == (
        Reason.PAUSED,
        world.clock.now().replace(hour=13, minute=0, second=0),
    )
    assert "deploy" in incident.detail
