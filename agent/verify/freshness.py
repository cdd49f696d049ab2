"""A PromQL expression and a metric source in, the time of the oldest sample its answer rests on out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from math import inf

import promql_parser

from agent.config.promql import with_rate_interval
from agent.placeholders import promql_escape
from agent.verify.source import MetricSource

_OPERATORS = {
    "MatchOp.Equal": "=",
    "MatchOp.NotEqual": "!=",
    "MatchOp.Re": "=~",
    "MatchOp.NotRe": "!~",
}
_NOTHING = inf  # a number rests on no sample


def oldest_sample(source: MetricSource, expression: str) -> datetime | None:
    """Return the time of the oldest sample that an expression's answer now rests on.

    Each vector selector is asked for ``timestamp()``: an instant query itself answers with the time of
    the question, also when the sample behind it is five minutes old. None when a selector has none; but
    of alternatives joined by ``or`` those that have samples are enough.
    """
    asked: dict[str, float | None] = {}

    def newest_of(selector: promql_parser.VectorSelector) -> float | None:
        written = _write(selector)
        if written not in asked:
            asked[written] = min(source.query(f"timestamp({written})").values, default=None)
        return asked[written]

    oldest = _oldest(promql_parser.parse(with_rate_interval(expression)), newest_of)
    return None if oldest is None or oldest == _NOTHING else datetime.fromtimestamp(oldest, UTC)


def _oldest(
    node: promql_parser.Expr, newest_of: Callable[[promql_parser.VectorSelector], float | None]
) -> float | None:
    if isinstance(node, promql_parser.VectorSelector):
        # what is shifted into the past on purpose is a comparison and needs no fresh sample
        return _NOTHING if node.offset or node.at else newest_of(node)
    if isinstance(node, promql_parser.SubqueryExpr) and (node.offset or node.at):
        return _NOTHING
    times = [_oldest(part, newest_of) for part in _parts(node)]
    if isinstance(node, promql_parser.BinaryExpr) and str(node.op) == "or":
        return min((one for one in times if one is not None and one != _NOTHING), default=None)
    known = [one for one in times if one is not None]
    return min(known, default=_NOTHING) if len(known) == len(times) else None


def _parts(node: promql_parser.Expr) -> list[promql_parser.Expr]:
    if isinstance(node, promql_parser.BinaryExpr):
        return [node.lhs, node.rhs]
    if isinstance(node, promql_parser.Call):
        return list(node.args)
    if isinstance(node, promql_parser.MatrixSelector):
        return [node.vector_selector]
    inner = [getattr(node, name, None) for name in ("param", "expr")]
    return [one for one in inner if one is not None]


def _write(selector: promql_parser.VectorSelector) -> str:
    # the parser's own str() does not quote values, and a label may hold anything
    groups = [selector.matchers.matchers, *selector.matchers.or_matchers]
    written = " or ".join(
        ",".join(f'{one.name}{_OPERATORS[str(one.op)]}"{promql_escape(one.value)}"' for one in group)
        for group in groups
        if group
    )
    return f"{selector.name or ''}{{{written}}}"
