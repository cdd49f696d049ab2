"""What may be of a run, told from what came of containers and of other agents' runs beside it."""

import runpy
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

from agent.remediate import mark_of
from agent.remediate.localreaping import _MODULE
from tests.make import run

REAP = runpy.run_path(str(_MODULE))


def process(pid, name, parent, depth=1):
    return SimpleNamespace(pid=pid, name=name, parent=parent, started=1000, depth=depth, of_agent=False)


def test_what_came_up_in_a_container_beside_a_run_hangs_on_who_manages_it():
    """A container with systemd in it, as the host sees it, all of it as young as the run."""
    line = [process(90, "conmon", 1), process(91, "systemd", 90, 2), process(92, "worker", 91, 2)]
    found = {one.pid: one for one in line}
    assert not REAP["is_orphan"](found[92], found, 500)
    found[92] = process(92, "worker", 1)
    assert REAP["is_orphan"](found[92], found, 500)


def test_a_process_says_in_how_many_namespaces_it_is():
    assert REAP["depth_of"](1) == 1


def test_two_agents_that_begin_a_run_of_one_number_in_one_second_have_two_marks():
    mine = run(id=1)
    assert mark_of(mine) != mark_of(replace(mine, created_at=mine.created_at + timedelta(milliseconds=3)))
