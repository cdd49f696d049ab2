"""What log lines say of their entity, and whom they blame."""

import numpy as np
import pytest

from agent.diagnose.cause.logevidence import read_logs
from agent.diagnose.cause.logshapes import gather_shapes
from agent.records.evidence import LogEntry

TIMES = np.arange(10.0) * 60


def read(written, entities, known_from=0.0, start=5):
    return read_logs(gather_shapes(written, entities, 600.0, known_from), TIMES, start)


def lines(*rows, entity="cart"):
    return [LogEntry(at=at, entity=entity, level=level, message=message) for at, level, message in rows]


def test_lines_that_differ_in_numbers_are_one_complaint():
    logs = read(
        lines((310, "ERROR", "order 17 failed after 3 ms"), (320, "ERROR", "order 9 failed after 41 ms")),
        ["cart"],
    )
    assert [one.since for one in logs.complaints["cart"]] == [2]


def test_a_line_that_names_another_entity_blames_it():
    logs = read(lines((310, "ERROR", "upstream payment returned 500")), ["cart", "payment"])
    assert logs.blamed_by("cart") == {"payment": 1.0}
    assert logs.own_share("cart") == 0


def test_a_complaint_as_frequent_before_says_nothing():
    logs = read(lines((10, "ERROR", "disk slow"), (310, "ERROR", "disk slow")), ["cart"])
    assert logs.own_share("cart") == 0


@pytest.mark.parametrize("text", ["context canceled by client before completion", "write: broken pipe"])
def test_a_caller_that_gave_up_is_the_one_to_look_at(text):
    logs = read(lines((310, "WARN", text)), ["cart"])
    assert logs.caller_share("cart") == 1


def test_an_unnamed_upstream_is_blamed_but_not_named():
    logs = read(lines((310, "ERROR", "upstream deadline exceeded")), ["cart"])
    assert logs.others_share("cart") == 1
    assert logs.own_share("cart") == 0


def test_ordinary_lines_are_no_complaints():
    logs = read(lines((310, "INFO", "handled request"), (311, "DEBUG", "error handler")), ["cart"])
    assert not logs.complaints


def test_an_entity_that_only_logs_know_is_known():
    logs = read(lines((310, "ERROR", "boom"), entity="ghost"), ["cart"])
    assert logs.profiles["ghost"].sum() == 1


def test_a_line_without_a_time_counts_but_has_no_place():
    logs = read(lines((float("nan"), "ERROR", "boom")), ["cart"])
    assert logs.complaints["cart"][0].since == 1


def test_none_before_in_a_minute_proves_less_than_none_before_in_an_hour():
    few = lines((310, "WARN", "cache miss"), (330, "WARN", "cache miss"))
    digits = [read(few, ["cart"], known_from=at).complaints["cart"][0].digits for at in (250.0, -3600.0)]
    assert digits[0] < 1 < digits[1]


def test_lines_that_come_no_oftener_than_before_weigh_nothing():
    steady = lines(*((at, "ERROR", "disk slow") for at in range(0, 600, 20)))
    assert read(steady, ["cart"]).own_share("cart") == 0
    louder = [*steady, *lines(*((at, "ERROR", "disk slow") for at in range(305, 600, 4)))]
    assert read(louder, ["cart"]).own_share("cart") == 1
