"""Edges that point the wrong way are turned round when enough speaks against them."""

import pytest

from agent.diagnose.cause.rootcause import analyse
from tests import make

FRONTS = [f"front{number}" for number in range(4)]


def system(edges, **fields):
    series = {f'latency_mean{{service="{name}"}}': make.course(0.1, 0.3) for name in FRONTS}
    series |= {f'requests{{service="{name}"}}': make.course(100, 100) for name in FRONTS}
    series['cpu_usage{service="db"}'] = make.course(0.2, 0.9)
    return analyse(make.observations(series, edges=edges, **fields))


def test_resources_that_seem_to_call_services_show_that_the_edges_are_reversed():
    found = system([("db", name) for name in FRONTS])
    assert found.suspects[0].entity == "db"
    assert any("callee to caller" in note for note in found.notes)


def test_edges_that_fit_are_left_as_they_are():
    found = system([(name, "db") for name in FRONTS])
    assert found.suspects[0].entity == "db"
    assert not found.notes


@pytest.mark.parametrize(
    "edges", [[("db", "front0")], [("db", "front0"), ("db", "front1"), ("front2", "db")]]
)
def test_a_few_odd_edges_turn_nothing(edges):
    assert not system(edges).notes


def test_logs_that_name_whom_they_call_turn_edges_round_as_well():
    logs = [(1800 + i, name, "ERROR", f"call to db failed {i}") for name in FRONTS for i in range(20)]
    errors = {f'error_ratio{{service="{name}"}}': make.course(0.01, 0.3) for name in (*FRONTS, "db")}
    observed = make.observations(errors, edges=[("db", name) for name in FRONTS], logs=logs)
    assert any("callee to caller" in note for note in analyse(observed).notes)
