"""Pauses in the store: in force until they are ended or run out, each by itself."""

from datetime import timedelta

from agent.records import PauseScope
from agent.store import PauseStore, pause_over
from tests.make import NOW, plan


def test_a_pause_lasts_until_it_is_ended_or_runs_out(database):
    pauses = PauseStore(database)
    assert pauses.in_force(NOW) == []
    first = pauses.begin("ann", "deploy", NOW, NOW + timedelta(hours=1))
    assert pauses.in_force(NOW) == [first]
    assert "paused by ann" in str(first)
    assert pauses.in_force(NOW + timedelta(hours=1)) == []
    second = pauses.begin("bob", "", NOW, None)
    assert pauses.end("ann", NOW) == [first, second]
    assert pauses.in_force(NOW) == []
    assert pauses.end("ann", NOW) == []


def test_a_pause_of_some_holds_those_and_is_ended_by_itself(database):
    pauses = PauseStore(database)
    everything = pauses.begin("ann", "", NOW, None)
    web1 = pauses.begin("ann", "", NOW, None, PauseScope(hosts=("web1",)))
    assert pauses.end("bob", NOW, everything.id) == [everything]
    assert (everything.scope.is_everything, web1.scope.is_everything) == (True, False)
    assert str(web1).startswith("hosts web1 paused by ann")
    with database.reading() as connection:
        assert pause_over(connection, plan(), NOW) == web1
        assert pause_over(connection, plan(hosts=("web2",)), NOW) is None
