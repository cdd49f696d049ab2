"""What is under way counts: before its first verdict a remedy is everywhere only where it was proved."""

from agent.reasons import Reason
from agent.records import IncidentState
from tests.world import CATALOG

HOSTS = tuple(f"web{number}" for number in range(1, 13))
ONE = {"restart": {**CATALOG["restart"], "limits": {"cooldown": "0s", "per_day": 100}}}


def break_all(world):
    world.pass_time(15)
    for host in HOSTS:
        world.break_host(host)
    world.until(lambda: len(world.incidents) == len(HOSTS))


def test_a_bad_remedy_reaches_as_many_hosts_as_may_fail_and_no_more(make_world):
    guards = {"circuit": {"failures": 3, "reset": "1h"}, "storm": {"incidents": 1000}}
    world = make_world(hosts=HOSTS, catalog=ONE, most=12, policy={"guards": guards})
    break_all(world)
    for _ in range(30):
        world.pass_time(20, step=10)
        world.finish("ok")  # and nothing is mended
    assert len(world.starts) == 3
    assert {one.reason for one in world.incidents if one.state is IncidentState.HELD} == {Reason.CIRCUIT_OPEN}


def test_after_the_reset_time_one_host_tries_it_again(make_world):
    guards = {"circuit": {"failures": 3, "reset": "10m"}, "storm": {"incidents": 1000}}
    world = make_world(hosts=HOSTS, catalog=ONE, most=12, policy={"guards": guards})
    break_all(world)
    for _ in range(15):
        world.pass_time(20, step=10)
        world.finish("ok")
    assert len(world.starts) == 3
    world.until(lambda: world.at_work("steps"), seconds=1200, step=30)
    world.pass_time(60, step=10)
    assert len(world.at_work("steps")) == 1


def test_of_twelve_hosts_one_is_the_canary_and_the_rest_follow_its_recovery(make_world):
    rules = {"remediations": [{"id": "all", "mode": "auto"}]}
    world = make_world(hosts=HOSTS, catalog=ONE, most=12, policy=rules)
    break_all(world)
    world.pass_time(60)
    assert len(world.at_work("steps")) == 1
    assert {one.reason for one in world.incidents if one.state is IncidentState.HELD} == {Reason.CANARY}
    world.finish(mend=True)
    world.until(lambda: len(world.at_work("steps")) > 1)
    assert len(world.at_work("steps")) == 11


def test_a_canary_that_leaves_the_inventory_holds_nobody_up(make_world):
    world = make_world(policy={"remediations": [{"id": "r", "mode": "auto"}]})
    world.pass_time(15)
    for host in ("web1", "web2", "web3"):
        world.break_host(host)
    world.until(lambda: world.at_work("steps"))
    (first,) = world.at_work("steps")[0].hosts
    del world.inventory.known[first]
    world.metrics.blind.add(first)
    world.finish("lost")
    world.until(lambda: world.at_work("steps"), seconds=3600, step=30)
    assert len(world.at_work("steps")) == 1
    assert world.at_work("steps")[0].hosts != (first,)


def test_a_host_is_locked_until_the_verdict_for_all_that_it_suffers_from(make_world):
    catalog = {"restart": {"fixes": ["down"]}, "repair": {"fixes": ["failing"]}}
    world = make_world(catalog=catalog)
    world.pass_time(15)
    world.break_host("web1")
    world.until(lambda: world.at_work("steps"))
    world.finish(mend=True)
    world.until(lambda: world.incidents[0].state is IncidentState.VERIFYING)
    assert world.locked()
    world.until(lambda: world.incidents[0].state.settled)
    assert world.failures == []
    assert not world.locked()
