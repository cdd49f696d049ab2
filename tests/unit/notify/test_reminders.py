"""What people have and is not over is said again: seldom, all in one, and not when it is over."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agent.config.notify import NotifyTarget
from agent.notify import Notifier, Reminders, Storyteller
from agent.records import IncidentState
from agent.store import acknowledge_incident, open_stores
from tests import make
from tests.servers.inbox import running_inbox

EVERY = timedelta(hours=4)


@pytest.fixture
def world(tmp_path, clock):
    """Stores with two incidents that people have and were told of, a notifier, and their inbox."""
    stores = open_stores(tmp_path / "opsmend.db")
    with running_inbox() as inbox:
        (tmp_path / "urls").write_text(inbox.url)
        target = {"oncall": NotifyTarget(url_file=tmp_path / "urls")}
        reminders = Reminders(stores, lambda: list(target), lambda: EVERY)
        teller = Storyteller(stores, lambda: None, "shop", "https://ops.example", "", lambda one, runs: ())
        notifier = Notifier(stores.notifications, teller, lambda: target, clock, reminders=reminders)
        for title in ("disk full on db1", "disk full on db2"):
            one = replace(make.incident(), title=title, opened_at=clock.now())
            kept = stores.incidents.add(one, "test")
            stores.incidents.save(replace(kept, state=IncidentState.ESCALATED), "test")
        stores.notifications.add(None, "anomaly", "oncall", clock.now())
        notifier.deliver()
        yield stores, notifier, inbox
    stores.close()


def test_after_a_long_silence_all_that_is_open_is_said_in_one_message(world, clock):
    _, notifier, inbox = world
    for _ in range(3):
        clock.move(hours=1)
        notifier.deliver()
    assert inbox.messages == []
    clock.move(minutes=61)
    for _ in range(3):
        notifier.deliver()
        clock.move(minutes=2)
    (message,) = inbox.messages
    assert message["title"] == "[shop] nobody has taken 2 incidents yet"
    assert "disk full on db2, for 4 h" in message["message"]
    assert "https://ops.example/incidents/1" in message["message"]


def test_what_somebody_has_taken_is_not_said_again(world, clock):
    stores, notifier, inbox = world
    with stores.transaction() as connection:
        acknowledge_incident(connection, 1, "ann", "", clock.now(), take_over=False)
    clock.move(hours=9)
    notifier.deliver()
    (message,) = inbox.messages
    assert message["title"] == "[shop] nobody has taken 1 incident yet"
    assert "disk full on db1" not in message["message"]


def test_what_is_over_is_not_said_again(world, clock):
    stores, notifier, inbox = world
    for one in stores.incidents.active():
        stores.incidents.save(replace(one, state=IncidentState.CLOSED, closed_at=clock.now()), "ann")
    clock.move(hours=9)
    notifier.deliver()
    assert inbox.messages == []
