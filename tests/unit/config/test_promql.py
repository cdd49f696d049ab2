"""What may be concluded from an answer, and the same question asked in another way."""

from datetime import timedelta

import promql_parser
import pytest

from agent.config.promql import (
    check_promql,
    is_certain_when_partial,
    metric_names,
    twins,
    with_rate_interval,
    with_unique_sides,
)


@pytest.mark.parametrize(
    "query",
    [
        "node_filesystem_avail_bytes / node_filesystem_size_bytes",
        "rate(a_total[$__rate_interval]) > 3",
        'label_replace(up, "a", "$1", "b", "(.*)") and on (instance) b == 0',
        "(time() - start) / 86400",
        "max_over_time(a[10m:1m])",
    ],
)
def test_samples_of_their_own_series_are_true_whatever_is_missing(query):
    assert is_certain_when_partial(query)


@pytest.mark.parametrize(
    "query",
    [
        "sum by (job) (a)",
        "a unless on (instance) b == 1",
        "a or b",
        "a / scalar(b)",
        "absent(a)",
        "absent_over_time(a[5m])",
        "histogram_quantile(0.9, a_bucket)",
        "max(a) > 3",
        "rate(a[5m]) / on () group_left () count(b)",
        "topk(3, a)",
        "max_over_time(sum(a)[10m:1m])",
    ],
)
def test_samples_that_rest_on_others_may_be_wrong(query):
    assert not is_certain_when_partial(query)


@pytest.mark.parametrize(
    ("query", "groups"),
    [
        ("a / on (host) b", 2),
        ("a / on (host) group_left () b", 1),
        ("a / b", 2),
        ("a / 2 > scalar(b)", 0),
        ("a and on (host) b", 0),
        ('a{x="1 \\" 2"} - ignoring (x) group_right () b', 1),
        ("(a / b) / on (host) c", 4),
    ],
)
def test_sides_that_must_be_unique_are_found_and_made_so(query, groups):
    assert len(twins(query)) == groups
    rewritten = with_unique_sides(query)
    promql_parser.parse(rewritten)
    assert rewritten.count("count by") + rewritten.count("count without") >= groups


def test_a_rate_interval_follows_the_scrapes_and_is_no_other_promql():
    query = check_promql("rate(a_total[$__rate_interval]) and on (x) irate(b[$__rate_interval])")
    assert with_rate_interval(query, timedelta(minutes=1)).count("[240s]") == 2
    assert metric_names(query) == ("a_total", "b")
    with pytest.raises(ValueError, match="PromQL"):
        check_promql("rate(a_total[$__interval])")
