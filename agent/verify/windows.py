"""A PromQL expression in, how far back its answer looks out: what is in a window must lie after the run.

A rate over five minutes, asked one minute after a run, is mostly about the time before it, however new the
newest sample is. Parts that are shifted into the past on purpose (``offset``, ``@``) are comparisons and
do not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TypeGuard

import promql_parser

from agent.config.promql import with_rate_interval
from agent.records import RecordingRule

NEWEST_FEW: Mapping[str, int] = {"irate": 2, "idelta": 2, "last_over_time": 1}
"""Functions that look at the newest samples of their window only, and at how many."""

_ZERO = timedelta(0)
# how far a recording rule looks back is in its name by convention: job:errors:rate5m
_RECORDED_OVER = re.compile(r"(?:[a-z]|_)(\d+)(ms|s|m|h|d|w|y)$")
_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "y": timedelta(days=365),
}
_NOT_KNOWN = timedelta(minutes=5)  # of a recording rule that nobody can tell: as long as a sample counts


Rules = Mapping[str, RecordingRule]


def longest_window(expression: str, rules: Rules | None = None) -> timedelta:
    """Return how far back an expression looks at most, seen from the time it is asked for."""
    return _longest(promql_parser.parse(with_rate_interval(expression)), rules or {}, frozenset())


def recorded_window(name: str, rules: Rules, above: frozenset[str] = frozenset()) -> timedelta:
    """Return how far back a recorded value looks, seen from its own time; nothing for what is scraped."""
    rule = rules.get(name)
    if rule is not None and name not in above:
        tree = promql_parser.parse(with_rate_interval(rule.expression))
        return max(_longest(tree, rules, above | {name}), rule.interval)
    if ":" not in name:  # colons are for recording rules alone
        return _ZERO
    found = _RECORDED_OVER.search(name)
    return int(found[1]) * _UNITS[found[2]] if found else _NOT_KNOWN


def newest_few(expression: str) -> Iterator[tuple[promql_parser.VectorSelector, int]]:
    """Yield the selectors of which an expression looks at the newest samples only, and at how many."""
    for node in _walk(promql_parser.parse(with_rate_interval(expression))):
        if isinstance(node, promql_parser.Call) and node.func.name in NEWEST_FEW:
            for argument in node.args:
                if _is_plain(argument):
                    yield argument.vector_selector, NEWEST_FEW[node.func.name]


def is_recorded(expression: str, rules: Rules) -> bool:
    """Return whether an expression rests on recorded values, which look back from when they were recorded."""
    tree = promql_parser.parse(with_rate_interval(expression))
    names = [one.name or "" for one in _walk(tree) if isinstance(one, promql_parser.VectorSelector)]
    return any(":" in name or name in rules for name in names)


def parts(node: promql_parser.Expr) -> list[promql_parser.Expr]:
    """Return what an expression is made of, one level down."""
    if isinstance(node, promql_parser.BinaryExpr):
        return [node.lhs, node.rhs]
    if isinstance(node, promql_parser.Call):
        return list(node.args)
    if isinstance(node, promql_parser.MatrixSelector):
        return [node.vector_selector]
    inner = [getattr(node, name, None) for name in ("param", "expr")]
    return [one for one in inner if one is not None]


def is_shifted(node: promql_parser.Expr) -> bool:
    """Return whether a part is about another time on purpose."""
    if isinstance(node, promql_parser.MatrixSelector):
        node = node.vector_selector
    if isinstance(node, promql_parser.VectorSelector | promql_parser.SubqueryExpr):
        return bool(node.offset or node.at)
    return False


def _longest(node: promql_parser.Expr, rules: Rules, above: frozenset[str]) -> timedelta:
    if is_shifted(node):
        return _ZERO
    if isinstance(node, promql_parser.VectorSelector):
        return recorded_window(node.name or "", rules, above)
    if isinstance(node, promql_parser.Call) and node.func.name in NEWEST_FEW:
        # of a plain selector the newest samples count themselves; a subquery has none of its own
        newest = [one.vector_selector if _is_plain(one) else one for one in node.args]
        return max((_longest(one, rules, above) for one in newest), default=_ZERO)
    own = _ZERO
    if isinstance(node, promql_parser.MatrixSelector | promql_parser.SubqueryExpr):
        own = node.range or _ZERO
    return own + max((_longest(part, rules, above) for part in parts(node)), default=_ZERO)


def _is_plain(node: promql_parser.Expr) -> TypeGuard[promql_parser.MatrixSelector]:
    return isinstance(node, promql_parser.MatrixSelector) and not is_shifted(node)


def _walk(node: promql_parser.Expr) -> Iterator[promql_parser.Expr]:
    yield node
    for part in parts(node):
        yield from _walk(part)
