"""A PromQL expression and a metric source in, whether all its answer rests on is newer than a moment out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import floor, inf

import promql_parser

from agent.config.promql import RATE_INTERVAL, with_rate_interval
from agent.config.scalars import format_duration
from agent.errors import AnswerError
from agent.placeholders import promql_escape
from agent.verify.source import MetricSource
from agent.verify.windows import is_recorded, is_shifted, longest_window, newest_few, parts

_OPERATORS = {
    "MatchOp.Equal": "=",
    "MatchOp.NotEqual": "!=",
    "MatchOp.Re": "=~",
    "MatchOp.NotRe": "!~",
}
_NOTHING = inf  # a number rests on no sample


def find_stale(source: MetricSource, expression: str, moment: datetime) -> str | None:
    """Return what of an expression's answer may rest on samples up to a moment; None when all is newer.

    ``moment`` is a time of the source. Raises SourceError.
    """
    if RATE_INTERVAL in expression:
        expression = source.with_rate_interval(expression)
    oldest = oldest_sample(source, expression)
    if oldest is None or oldest <= moment:
        return "no sample newer than the run yet"
    rules = source.recording_rules()
    window = longest_window(expression, rules)
    if window > timedelta(0):
        looks_back_from = oldest if is_recorded(expression, rules) else source.now()
        if looks_back_from - window < moment:
            return f"it looks back {format_duration(window)}, which is not all after the run yet"
    for selector, few in newest_few(expression):
        if not _has_newer(source, selector, few, moment):
            return f"fewer than {few} samples newer than the run yet"
    return None


def oldest_sample(source: MetricSource, expression: str) -> datetime | None:
    """Return the time of the oldest of the newest samples that an expression's answer now rests on.

    Each vector selector is asked for ``timestamp()``: an instant query itself answers with the time of
    the question, also when the sample behind it is five minutes old. None when a selector has none; but
    of alternatives joined by ``or`` those that have samples are enough.
    """
    asked: dict[str, float | None] = {}

    def newest_of(selector: promql_parser.VectorSelector) -> float | None:
        written = _write(selector)
        if written not in asked:
            asked[written] = min(_whole(source, f"timestamp({written})"), default=None)
        return asked[written]

    oldest = _oldest(promql_parser.parse(with_rate_interval(expression)), newest_of)
    return None if oldest is None or oldest == _NOTHING else datetime.fromtimestamp(oldest, UTC)


def _whole(source: MetricSource, query: str) -> list[float]:
    """Return what a query gives. Raises SourceError, also for a part: the oldest may be missing."""
    answer = source.query(query)
    if answer.partial:
        raise AnswerError(answer.partial)
    return list(answer.values)


def _has_newer(
    source: MetricSource, selector: promql_parser.VectorSelector, few: int, moment: datetime
) -> bool:
    """Return whether every series of a selector has so many samples since a moment."""
    since_s = floor((source.now() - moment).total_seconds())
    if since_s < 1:
        return False
    written = _write(selector)
    counts = _whole(source, f"count_over_time({written}[{since_s}s])")
    series = _whole(source, f"timestamp({written})")
    return len(counts) >= len(series) > 0 and min(counts) >= few


def _oldest(
    node: promql_parser.Expr, newest_of: Callable[[promql_parser.VectorSelector], float | None]
) -> float | None:
    if is_shifted(node):
        return _NOTHING  # a comparison needs no fresh sample
    if isinstance(node, promql_parser.VectorSelector):
        return newest_of(node)
    times = [_oldest(part, newest_of) for part in parts(node)]
    if isinstance(node, promql_parser.BinaryExpr) and str(node.op) == "or":
        return min((one for one in times if one is not None and one != _NOTHING), default=None)
    known = [one for one in times if one is not None]
    return min(known, default=_NOTHING) if len(known) == len(times) else None


def _write(selector: promql_parser.VectorSelector) -> str:
    # the parser's own str() does not quote values, and a label may hold anything
    groups = [selector.matchers.matchers, *selector.matchers.or_matchers]
    written = " or ".join(
        ",".join(f'{one.name}{_OPERATORS[str(one.op)]}"{promql_escape(one.value)}"' for one in group)
        for group in groups
        if group
    )
    return f"{selector.name or ''}{{{written}}}"
