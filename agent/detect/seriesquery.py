"""A signal's PromQL and the labels of one of its series in, PromQL that shows this series alone out."""

from __future__ import annotations

import re
from collections.abc import Mapping

from agent.config.promqlmatchers import with_matchers
from agent.instance import without_host
from agent.placeholders import promql_escape

_LABEL = re.compile(r"^[a-zA-Z_][a-zA-Z0-9_]*$")


def query_of_series(query: str, labels: Mapping[str, str]) -> str:
    """Return a query for one series of another query.

    The labels are matchers of its selectors where the result has its labels from them, else they are put
    beside the query. Labels that PromQL could not name are left out, and so are ``host`` and ``port`` that
    were only derived from the ``instance``.

    >>> query_of_series("sum by (job) (rate(x[5m]))", {"job": "a", "host": ""})
    'sum by (job) (rate(x{job="a"}[5m]))'
    """
    own = {name: value for name, value in without_host(labels).items() if value and _LABEL.match(name)}
    if not own:
        return query
    inside = with_matchers(query, own)
    if inside is not None:
        return inside
    wanted = "vector(1)"
    for name, value in own.items():
        # a dollar in a replacement would name a group of the pattern
        wanted = f'label_replace({wanted}, "{name}", "{promql_escape(value.replace("$", "$$"))}", "", "")'
    return f"({query}) and on ({', '.join(own)}) {wanted}"
