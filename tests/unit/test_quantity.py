"""What people read of a number: its unit stands beside it, wherever it is told."""

from datetime import timedelta

import pytest

from agent.collect.seriesof import describe_series
from agent.meaning import unit_of
from agent.quantity import span_in_words
from agent.records import CheckResult
from agent.records.metadata import MetricMetadata
from tests import make


def test_a_series_has_the_unit_of_its_signal():
    free = make.signal("free", unit="bytes")
    assert describe_series(free, {"instance": "web1:9100"}).unit == "bytes"


def test_an_anomaly_is_told_in_its_unit():
    found = make.anomaly("free", observed=0.0, expected_low=2**30, expected_high=2**31, unit="bytes")
    assert found.text == "free of web1 is 0 B; 1 GiB to 2 GiB would be normal (level shift)"


@pytest.mark.parametrize(
    ("before", "after", "unit", "told"),
    [
        (0.0, 1.0, "boolean", "no before, yes after"),
        (0.02, 0.4, "ratio", "2 % before, 40 % after"),
        (None, 3.0, "", "unknown before, 3 after"),
        (1.0, None, "ratio", ""),
    ],
)
def test_a_check_tells_its_numbers_in_its_unit(before, after, unit, told):
    assert CheckResult(text="t", holds=True, before=before, after=after, unit=unit).numbers == told


@pytest.mark.parametrize(
    ("name", "metadata", "unit"),
    [
        ("process_cpu_seconds_total", {}, "seconds"),
        ("heap_bytes", {}, "bytes"),
        ("http_request_duration_seconds_count", {}, ""),
        ("http_request_duration", {"http_request_duration": MetricMetadata(unit="seconds")}, "seconds"),
        ("unit_seconds_before_the_end_of_it", {}, ""),
    ],
)
def test_the_unit_of_a_metric_of_a_file_is_what_metadata_or_name_say(name, metadata, unit):
    assert unit_of(name, metadata) == unit


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-5, "0 s"),
        (0.4, "0 s"),
        (59.6, "1 min"),
        (89, "1 min 29 s"),
        (3_600, "1 h"),
        (3_605, "1 h"),
        (7_800, "2 h 10 min"),
        (86_400, "1 day"),
        (3 * 86_400 + 4 * 3_600 + 59, "3 days 4 h"),
    ],
)
def test_a_span_of_time_is_told_in_its_two_largest_units(seconds, told):
    assert span_in_words(timedelta(seconds=seconds)) == told
