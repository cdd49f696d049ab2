"""Which series count is decided once, for polls, files and diagnosis: metadata, then names, then values."""

import numpy as np
import pytest

from agent.meaning import as_counted, counting_rows, is_counter_query
from agent.records.metadata import MetricMetadata

STEADY = np.cumsum(np.full(20, 5.0))
SHRINKING = np.r_[np.full(10, 50.0), np.full(10, 10.0)]  # an 80 % fall


def counted(values, *names, metadata=None):
    rows = np.array([values] * len(names), dtype=float)
    return as_counted(rows, counting_rows(names, rows, metadata or {}))[0]


def test_a_counter_becomes_its_increase():
    np.testing.assert_array_equal(counted(STEADY, "requests_total"), np.full(20, 5.0))


def test_a_counter_of_errors_that_hardly_ever_counts_is_one_all_the_same():
    values = np.r_[np.zeros(15), 4.0, 4.0, 9.0, 9.0, 9.0]
    np.testing.assert_array_equal(counted(values, "errors_total")[14:], [0, 4, 0, 5, 0, 0])


def test_a_process_that_starts_anew_counts_from_zero():
    np.testing.assert_array_equal(
        counted(np.r_[STEADY[:10], STEADY[:10]], "requests_total"), np.full(20, 5.0)
    )


@pytest.mark.parametrize(
    "values", [np.r_[STEADY[:10], STEADY[9] - 1, STEADY[10:19]], np.arange(20) % 3, STEADY * -1]
)
def test_what_falls_again_and_again_is_no_counter(values):
    np.testing.assert_array_equal(counted(values, "things_total"), values)


@pytest.mark.parametrize("name", ["thread_count", "queue_sum", "connection_count"])
def test_a_gauge_named_as_a_counter_keeps_its_fall(name):
    np.testing.assert_array_equal(counted(SHRINKING, name), SHRINKING)
    assert not is_counter_query(name)


def test_a_gauge_that_only_falls_is_no_counter_that_starts_anew_though_its_name_ends_in_total():
    members = np.r_[np.full(10, 100.0), np.full(10, 20.0)]
    np.testing.assert_array_equal(counted(members, "group_members_total"), members)
    errors = np.r_[np.full(10, 100.0), np.zeros(10)]  # of a process that started anew
    assert not np.nanmax(counted(errors, "errors_total"))


def test_a_count_beside_its_sum_is_half_of_a_summary():
    values = np.r_[np.full(10, 50.0), np.full(10, 80.0)]
    assert counted(values, "job_seconds_count", "job_seconds_sum")[-1] == 0
    assert counted(values, "batch_count", "batch_sum")[-1] == 0


@pytest.mark.parametrize(
    ("kind", "name", "counts"),
    [
        ("gauge", "jobs_total", False),
        ("counter", "frames_decoded", True),
        ("histogram", "size", False),
        ("unknown", "jobs_total", True),
    ],
)
def test_what_the_source_says_of_a_metric_goes_before_its_name(kind, name, counts):
    known = {name: MetricMetadata(kind)}
    assert is_counter_query(name, known) is counts
    assert bool(counting_rows([name], STEADY[None], known)[0]) is counts


def test_parts_of_a_histogram_count_where_the_family_is_known():
    known = {"batch": MetricMetadata("histogram")}
    assert is_counter_query("batch_count", known)
    assert is_counter_query("batch_bucket", known)
    assert not is_counter_query("batch_count")


def test_gaps_stay_gaps():
    with_gap = STEADY.copy()
    with_gap[5] = np.nan
    assert np.isnan(counted(with_gap, "requests_total")[5])
    assert np.isnan(counted(np.full(20, np.nan), "requests_total")).all()


@pytest.mark.parametrize("columns", [0, 1, 2])
def test_hardly_any_samples_are_no_error(columns):
    assert counted(STEADY[:columns], "requests_total").shape == (columns,)


@pytest.mark.parametrize(
    ("query", "is_counter"),
    [
        ("http_requests_total", True),
        ('(http_requests_total{code="5xx"})', True),
        ("request_seconds_bucket", True),
        ("request_seconds_count", True),
        ("rate(http_requests_total[5m])", False),
        ("node_load1", False),
        ("http_requests_total / 2", False),
        ('{job="a"}', False),
        ("no query (", False),
    ],
)
def test_only_a_bare_selector_of_a_counter_is_one(query, is_counter):
    assert is_counter_query(query) is is_counter
