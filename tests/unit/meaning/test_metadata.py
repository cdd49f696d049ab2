"""The source's answer about its metrics, whatever it holds."""

import pytest

from agent.meaning import read_metadata
from agent.records.metadata import MetricMetadata
from tests.hostile import corpus


def test_type_unit_and_help_are_read():
    entry = {"type": "counter", "unit": "seconds", "help": "Seconds spent."}
    answer = {"status": "success", "data": {"spent": [entry]}}
    assert read_metadata(answer) == {"spent": MetricMetadata("counter", "seconds", "Seconds spent.")}


def test_of_a_metric_that_targets_call_differently_no_type_is_known():
    found = read_metadata({"data": {"x": [{"type": "counter"}, {"type": "gauge"}]}})
    assert found["x"].type == "unknown"


@pytest.mark.parametrize("content", [None, [], "text", {"data": None}, {"data": {"x": "y", "z": [1]}}])
def test_an_odd_answer_says_nothing(content):
    assert read_metadata(content) == {}


def test_hostile_values_are_only_text():
    for value in corpus():
        found = read_metadata({"data": {value: [{"type": value, "unit": value, "help": value * 1000}]}})
        assert len(found[value].help) <= 500
        assert found[value].type == "unknown"
