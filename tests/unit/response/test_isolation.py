"""The trouble of one incident is not that of the others."""

import pytest

from agent.reasons import Reason
from agent.records import IncidentState
from tests.world import VERIFY


def test_one_incident_that_raises_at_every_look_delays_nobody_and_ends_with_people(world, monkeypatch):
    world.pass_time(15)
    really = type(world.responder._deciding).decide

    def decide(deciding, incident, request):
        if incident.entity == "web1":
            raise RuntimeError("a bug that only web1 meets")
        really(deciding, incident, request)

    monkeypatch.setattr(type(world.responder._deciding), "decide", decide)
    for host in ("web1", "web2"):
        world.break_host(host)
    world.until(lambda: world.at_work("steps"))
    assert world.at_work("steps")[0].hosts == ("web2",)
    world.finish(mend=True)
    world.until(lambda: all(one.state.settled for one in world.incidents), seconds=1800)
    first, second = world.incidents
    assert (first.state, first.reason) == (IncidentState.ESCALATED, Reason.INTERNAL_ERROR)
    assert "only web1 meets" in first.detail
    assert second.state is IncidentState.RECOVERED
    assert world.messages("escalated") == ["escalated"]


def test_a_verification_that_raises_ends_and_frees_its_host_while_others_go_on(world, monkeypatch):
    world.pass_time(15)
    query = world.metrics.query

    def failing(expression, at=None):
        if "web1" in expression:
            raise ZeroDivisionError("what no source error foresees")
        return query(expression, at)

    monkeypatch.setattr(world.metrics, "query", failing)
    for host in ("web1", "web2"):
        world.break_host(host)
    world.until(lambda: len(world.at_work("steps")) == 2)
    world.finish(mend=True)
    world.until(lambda: all(one.state.settled for one in world.incidents), seconds=1800)
    first, second = world.incidents
    assert (first.state, first.reason) == (IncidentState.ESCALATED, Reason.INTERNAL_ERROR)
    assert second.state is IncidentState.RECOVERED
    assert world.locked() == frozenset()


def test_a_check_that_names_a_label_that_the_diagnosis_lacks_is_refused_before_the_run(make_world):
    """It would raise at every look once the run is over."""
    checks = [{"query": 'service_up{host="{rack}"}', "equals": 1}]
    catalog = {"restart": {"fixes": ["down"], "verify": {**VERIFY, "checks": checks}}}
    world = make_world(catalog=catalog)
    world.pass_time(15)
    world.break_host("web1")
    world.until(lambda: world.incidents and world.incidents[0].state.settled)
    assert world.incidents[0].reason is Reason.CHECKS_UNFIT
    assert (world.runs(), world.works) == ([], [])


def test_a_run_that_cannot_be_read_is_given_up_and_frees_its_host(world):
    world.pass_time(15)
    world.break_host("web1")
    world.until(lambda: world.at_work("steps"))
    world.finish()
    with world.stores.transaction() as connection:
        connection.exec_driver_sql("update runs set plan = '{'")
    world.until(lambda: world.locked() == frozenset(), seconds=1800)
    world.until(lambda: world.incidents[0].state is IncidentState.ESCALATED, seconds=1800)
    assert world.incidents[0].reason is Reason.INTERNAL_ERROR


@pytest.mark.parametrize("table", ["incidents"])
def test_an_incident_that_cannot_be_read_stops_nobody(world, table):
    world.pass_time(15)
    for host in ("web1", "web2"):
        world.break_host(host)
    world.until(lambda: len(world.at_work("steps")) == 2)
    with world.stores.transaction() as connection:
        connection.exec_driver_sql(f"update {table} set diagnosis = '{{', version = 99 where id = 1")
    world.finish(mend=True)
    world.until(lambda: world.stores.incidents.get(2).state.settled)
    assert world.stores.incidents.get(2).state is IncidentState.RECOVERED
