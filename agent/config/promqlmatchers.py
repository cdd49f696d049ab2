"""PromQL and the labels of one series in, the query of this series as one would write it out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import promql_parser

from agent.config.promql import with_rate_interval
from agent.placeholders import promql_escape

# what makes labels up, or looks at series beside the one that is asked for
_MADE_UP = frozenset(
    {"label_replace", "label_join", "absent", "absent_over_time", "scalar", "vector", "info"}
)
_CHOOSING = frozenset({"topk", "bottomk", "limitk", "limit_ratio", "count_values"})


def with_matchers(query: str, labels: Mapping[str, str]) -> str | None:
    """Return a query with the labels as matchers of its selectors.

    None where they cannot be put there, because a selector's series need not have the label of the result.

    >>> with_matchers('sum by (job) (rate(x{a="b"}[5m]))', {"job": "web"})
    'sum by (job) (rate(x{a="b",job="web"}[5m]))'
    >>> with_matchers("sum(x)", {"job": "web"})
    """
    return _with_matchers(query, tuple(sorted(labels.items())))


@lru_cache(maxsize=4096)
def _with_matchers(query: str, labels: tuple[tuple[str, str], ...]) -> str | None:
    parsed = promql_parser.parse(with_rate_interval(query))
    names = frozenset(name for name, _ in labels)
    kept = True

    def look(node: promql_parser.Expr) -> bool:
        nonlocal kept
        kept = kept and _keeps(node, names)
        return kept

    promql_parser.walk(parsed, look)
    if not kept:
        return None
    matchers = ",".join(f'{name}="{promql_escape(value)}"' for name, value in labels)

    def put_in(node: promql_parser.Expr) -> promql_parser.Expr | None:
        if not isinstance(node, promql_parser.VectorSelector):
            return None
        name, brace, rest = node.prettify().partition("{")
        if not brace:
            name, _, rest = name.partition(" ")
            rest = f"}} {rest}"
        own = matchers if rest.startswith("}") else f"{matchers},"
        selector: promql_parser.Expr = promql_parser.parse(f"{name}{{{own}{rest}")
        return selector

    return promql_parser.transform(parsed, None, put_in).prettify()


def _keeps(node: promql_parser.Expr, names: frozenset[str]) -> bool:
    """Return whether the labels of a node's result are those of the parts it is made of."""
    if isinstance(node, promql_parser.Call):
        return node.func.name not in _MADE_UP
    if isinstance(node, promql_parser.VectorSelector):
        return not node.matchers.or_matchers and not any(one.name in names for one in node.matchers.matchers)
    if isinstance(node, promql_parser.AggregateExpr):
        if str(node.op) in _CHOOSING or node.modifier is None:
            return False
        listed = names & set(node.modifier.labels)
        by = node.modifier.type == promql_parser.LabelModifierType.Include
        return listed == names if by else not listed
    if isinstance(node, promql_parser.BinaryExpr) and node.modifier is not None:
        matching = node.modifier.matching
        if matching is not None:
            listed = names & set(matching.labels)
            on = matching.type == promql_parser.LabelModifierType.Include
            return listed == names if on else not listed
    return True
