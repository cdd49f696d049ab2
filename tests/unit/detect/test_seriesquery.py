"""Where to look: PromQL that shows one series, whatever its labels hold."""

import promql_parser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.detect.seriesquery import query_of_series


def test_a_derived_host_is_no_label_of_the_series():
    query = query_of_series("up", {"instance": "web1:80", "host": "web1"})
    assert query == 'up{instance="web1:80"}'


def test_a_series_without_labels_is_the_query():
    assert query_of_series("sum(up)", {"host": ""}) == "sum(up)"


@settings(max_examples=25)
@given(st.dictionaries(st.from_regex(r"[a-z_]{1,6}", fullmatch=True), st.text(max_size=20), max_size=4))
def test_any_label_gives_promql_that_parses(labels):
    promql_parser.parse(query_of_series("sum by (a) (rate(x_total[5m]))", labels))


@pytest.mark.parametrize(
    ("query", "labels", "shown"),
    [
        ('rate(x{a="b"}[5m])', {"job": "web"}, 'rate(x{a="b",job="web"}[5m])'),
        ("x offset 5m", {"job": "web"}, 'x{job="web"} offset 5m'),
        ("a / on (job) b > 0.5", {"job": "web"}, 'a{job="web"} / on (job) b{job="web"} > 0.5'),
        ("1 - a / b", {"job": "web"}, '1 - a{job="web"} / b{job="web"}'),
        ("max without (cpu) (x)", {"job": 'we"b\\'}, 'max without (cpu) (x{job="we\\"b\\\\"})'),
    ],
)
def test_labels_are_matchers_as_one_would_write_them(query, labels, shown):
    assert query_of_series(query, labels) == shown


@pytest.mark.parametrize(
    "query",
    [
        'label_replace(x, "job", "$1", "host", "(.*)")',
        "topk by (job) (3, x)",
        "a * on (host) group_left (job) b",
        "sum without (job) (x)",
        'x{job=~"w.*"}',
        "absent(x)",
    ],
)
def test_where_a_selector_need_not_have_the_label_it_stands_beside_the_query(query):
    shown = query_of_series(query, {"job": "web"})
    assert "and on (job)" in shown
    promql_parser.parse(shown)
