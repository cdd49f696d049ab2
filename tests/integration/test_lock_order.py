"""Locks are taken in one order everywhere: an agent in which two paths differ stands still one day."""

import sys
import threading
from collections import defaultdict
from functools import partial
from pathlib import Path

import orjson
import pytest
from sqlalchemy import Engine, event

import agent
from agent.response import Person
from tests.integration.workshop import drive, webhook

ROOT = str(Path(agent.__file__).parent)
ANN = Person("ann")


class Recorded:
    """A lock that notes which others its thread holds when it is taken; named by the line that made it."""

    def __init__(self, lock, name, order):
        self._lock, self._name, self._order = lock, name, order

    def acquire(self, blocking=True, timeout=-1):
        taken = self._lock.acquire(blocking, timeout)
        if taken:
            self._order.took(self._name)
        return taken

    def release(self):
        self._order.left(self._name)
        self._lock.release()

    def locked(self):
        return self._lock.locked()

    __enter__ = acquire

    def __exit__(self, *error):
        self.release()


class Order:
    """Which locks were held while which were taken, in all threads."""

    def __init__(self):
        self.after = defaultdict(set)
        self._own = threading.local()

    def took(self, name):
        held = self._held()
        if name not in held:
            for other in held:
                self.after[other].add(name)
        held.append(name)

    def left(self, name):
        held = self._held()
        if name in held:  # a begin that failed is rolled back as well
            held.reverse()
            held.remove(name)
            held.reverse()

    def _held(self):
        return self._own.__dict__.setdefault("held", [])

    def circle(self):
        """Return locks that wait for each other, or nothing."""

        def search(path):
            for name in sorted(self.after.get(path[-1], ())):
                if name in path:
                    return path[path.index(name) :]
                if found := search([*path, name]):
                    return found
            return []

        return next(filter(None, (search([name]) for name in sorted(self.after))), [])


@pytest.fixture
def order(monkeypatch):
    """Every lock that the agent's own code makes from now on is recorded, and the store's one writer."""
    order, undo = Order(), []
    for kind, plain in (("Lock", threading.Lock), ("RLock", threading.RLock)):

        def make(make=plain):
            caller = sys._getframe(1)
            file = caller.f_code.co_filename
            if not file.startswith(ROOT):
                return make()
            return Recorded(make(), f"{file.removeprefix(ROOT)}:{caller.f_lineno}", order)

        monkeypatch.setattr(threading, kind, make)
    for moment, note in (("begin", order.took), ("commit", order.left), ("rollback", order.left)):

        def listen(connection, note=note):
            if not connection.get_execution_options().get("reading"):
                note("store")

        event.listen(Engine, moment, listen)
        undo.append(partial(event.remove, Engine, moment, listen))
    yield order
    for one in undo:
        one()


def test_an_agent_takes_its_locks_in_one_order_whatever_it_does(workshop, order, make_agent):
    workshop.config["agent"]["mode"] = "approve"
    one = make_agent()
    workshop.break_host("web1")
    drive(one, one.stores.incidents.list)
    one.pipeline.diagnose_arrivals()
    one.responder.turn()
    pause = one.operator_actions.pause(ANN)
    one.operator_actions.resume(ANN, pause.id)
    one.alerts.take(orjson.dumps(webhook({"labels": {"alertname": "A"}})), "test", one.clock.now())
    one.pipeline.look_at_alerts()
    one.pipeline.expire_alerts()
    one.responder.heed_cancels()
    one.pipeline.snapshot(["web1"])
    one.pipeline.keep_state(one.detection)
    one.ansible.inventory.refresh()
    one.read_topology()
    one.notifier.deliver()
    one.reload(one.settings, workshop.definitions())
    one.pipeline.poll()
    assert {"store", *order.after} > {"store"}
    assert order.circle() == [], dict(order.after)
