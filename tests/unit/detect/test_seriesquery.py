"""Where to look: PromQL that shows one series, whatever its labels hold."""

import promql_parser
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.detect.seriesquery import query_of_series


def test_a_derived_host_is_no_label_of_the_series():
    query = query_of_series("up", {"instance": "web1:80", "host": "web1"})
    assert query == '(up) and on (instance) label_replace(vector(1), "instance", "web1:80", "", "")'


def test_a_series_without_labels_is_the_query():
    assert query_of_series("sum(up)", {"host": ""}) == "sum(up)"


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(st.from_regex(r"[a-z_]{1,6}", fullmatch=True), st.text(max_size=20), max_size=4))
def test_any_label_gives_promql_that_parses(labels):
    promql_parser.parse(query_of_series("sum by (a) (rate(x_total[5m]))", labels))
