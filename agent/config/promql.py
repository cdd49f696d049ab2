"""PromQL in, what may be concluded from its answer out; and the same question, asked in another way.

Queries that people write may hold ``$__rate_interval``, as in Grafana: a range that holds some scrapes,
whatever the scrape interval of the source is.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache

import promql_parser

RATE_INTERVAL = "$__rate_interval"
_SCRAPES = 4  # in a rate interval: one scrape may be lost, and two samples are left for a rate
_ANY_INTERVAL = timedelta(minutes=1)

# whose result for one series depends on others that may be missing
_ADDS_UP = frozenset(
    {"absent", "absent_over_time", "histogram_fraction", "histogram_quantile", "info", "scalar"}
)
Visit = Callable[[promql_parser.Expr], promql_parser.Expr | None]

_SETS = frozenset({"and", "or", "unless"})


def check_promql(query: str) -> str:
    """Return a query unchanged. Raises ValueError with the parser's words when it does not parse."""
    try:
        promql_parser.parse(with_rate_interval(query))
    except ValueError as error:
        raise ValueError(f"is not valid PromQL: {str(error).strip()}") from error
    return query


def with_rate_interval(query: str, scrape_interval: timedelta = _ANY_INTERVAL) -> str:
    """Return a query whose rate intervals hold some scrapes; by default of a source that nobody asked.

    >>> with_rate_interval("rate(requests_total[$__rate_interval])", timedelta(seconds=15))
    'rate(requests_total[60s])'
    """
    seconds = max(round(_SCRAPES * scrape_interval.total_seconds()), 1)
    return query.replace(RATE_INTERVAL, f"{seconds}s")


@lru_cache(maxsize=4096)
def is_certain_when_partial(query: str) -> bool:
    """Return whether the samples of an answer are true whatever series are missing from the source's data.

    So it is where each sample comes from series of its own: ``a / b`` is missing or right. A sum over what
    is left, or what ``unless`` did not remove, may be wrong (in the theory of databases: the query is not
    monotone).

    >>> is_certain_when_partial("rate(a[5m]) / b > 3"), is_certain_when_partial("a unless b == 1")
    (True, False)
    """
    found = True

    def look(node: promql_parser.Expr) -> bool:
        nonlocal found
        found = found and not _adds_up(node)
        return found

    promql_parser.walk(_parse(query), look)
    return found


@lru_cache(maxsize=1024)
def with_unique_sides(query: str) -> str:
    """Return a query that leaves out what it cannot match, instead of being refused as a whole.

    Where an operation matches a side one to one, what has the same labels as something else there is left
    out. A query that matches nothing comes back as it is.

    >>> with_unique_sides("a / on (host) group_left () b")
    '(a) / on (host) group_left () (b and on (host) (count by (host) (b) == 1))'
    """
    return promql_parser.transform(_parse(query), post_visit=_without_twins).prettify()


@lru_cache(maxsize=1024)
def twins(query: str) -> tuple[str, ...]:
    """Return queries that give the labels which stand in the way of a match, one series for each.

    >>> twins("a / on (host) group_left () b")
    ('count by (host) (b) > 1',)
    """
    found: dict[str, None] = {}

    def look(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.BinaryExpr):
            counts = (with_unique_sides(_count(side, node)) for side in _unique_sides(node))
            found.update({f"{count} > 1": None for count in counts})
        return True

    promql_parser.walk(_parse(query), look)
    return tuple(found)


@lru_cache(maxsize=4096)
def without_replicas(query: str, labels: tuple[str, ...]) -> str:
    """Return a query that sees one series where replicas of a Prometheus have written several.

    Every selector is asked for without the labels that tell replicas apart: a sum over both of two would be
    twice as much, and an operation that matches one to one would be refused.

    >>> without_replicas("sum(rate(a[5m])) / timestamp(b)", ("replica",))
    'sum(max without (replica) (rate(a[5m]))) / max without (replica) (timestamp(b))'
    """
    if not labels:
        return query
    return promql_parser.transform(_parse(query), *_merge_replicas(labels)).prettify()


def metric_names(query: str) -> tuple[str, ...]:
    """Return the names of the metrics that a query asks for, each once, in order."""
    found: dict[str, None] = {}

    def look(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.VectorSelector) and node.name:
            found[node.name] = None
        return True

    promql_parser.walk(_parse(query), look)
    return tuple(found)


@lru_cache(maxsize=4096)
def is_from_probes(query: str) -> bool:
    """Return whether a query asks what probes of a blackbox_exporter found."""
    return any(name.startswith("probe_") for name in metric_names(query))


@lru_cache(maxsize=4096)
def is_of_the_past(query: str) -> bool:
    """Return whether a query asks only for what was, and nothing of what is now.

    >>> is_of_the_past("avg_over_time(up[1d] offset 1h)"), is_of_the_past("up / up offset 1w")
    (True, False)
    """
    total = past = 0

    def look(node: promql_parser.Expr) -> bool:
        nonlocal total, past
        if isinstance(node, promql_parser.VectorSelector):
            total += 1
            past += _goes_back(node)
        elif isinstance(node, promql_parser.SubqueryExpr) and _goes_back(node):
            promql_parser.walk(node.expr, look_inside)
        return True

    def look_inside(node: promql_parser.Expr) -> bool:
        nonlocal past
        past += isinstance(node, promql_parser.VectorSelector) and not _goes_back(node)
        return True

    promql_parser.walk(_parse(query), look)
    return past >= total > 0


def _goes_back(node: promql_parser.VectorSelector | promql_parser.SubqueryExpr) -> bool:
    return node.offset is not None and node.offset > timedelta(0)


def _parse(query: str) -> promql_parser.Expr:
    parsed: promql_parser.Expr = promql_parser.parse(with_rate_interval(query))
    return parsed


def _adds_up(node: promql_parser.Expr) -> bool:
    if isinstance(node, promql_parser.Call):
        return node.func.name in _ADDS_UP
    if isinstance(node, promql_parser.BinaryExpr):
        return str(node.op) in ("or", "unless")
    return isinstance(node, promql_parser.AggregateExpr)


def _merge_replicas(labels: tuple[str, ...]) -> tuple[Visit, Visit]:
    """Return what to do with each node of a query before and after its parts."""
    raw = 0  # how many functions around a selector see its samples as they were written

    def before(node: promql_parser.Expr) -> None:
        nonlocal raw
        raw += _looks_at_samples(node)

    def after(node: promql_parser.Expr) -> promql_parser.Expr | None:
        nonlocal raw
        looks = _looks_at_samples(node)
        raw -= looks
        if raw or not (looks or isinstance(node, promql_parser.VectorSelector)):
            return None
        merged: promql_parser.Expr = promql_parser.parse(
            f"max without ({', '.join(labels)}) ({node.prettify()})"
        )
        return merged

    return before, after


def _looks_at_samples(node: promql_parser.Expr) -> bool:
    """Return whether a function sees samples as they were written: their times, or those of a range."""
    return isinstance(node, promql_parser.Call) and (
        node.func.name == "timestamp"
        or any(isinstance(one, promql_parser.MatrixSelector) for one in node.args)
    )


def _without_twins(node: promql_parser.Expr) -> promql_parser.Expr | None:
    if not isinstance(node, promql_parser.BinaryExpr):
        return None
    unique = _unique_sides(node)
    if not unique:
        return None
    left, right = (
        f"({side.prettify()}{f' and {_on(node)} ({_count(side, node)} == 1)' if side in unique else ''})"
        for side in (node.lhs, node.rhs)
    )
    rewritten: promql_parser.Expr = promql_parser.parse(f"{left} {node.op} {node.modifier or ''} {right}")
    return rewritten


def _unique_sides(node: promql_parser.BinaryExpr) -> list[promql_parser.Expr]:
    """Return the sides on which labels must not be found twice."""
    if str(node.op) in _SETS or _is_scalar(node.lhs) or _is_scalar(node.rhs):
        return []
    cardinality = promql_parser.VectorMatchCardinality
    card = node.modifier.card if node.modifier else cardinality.OneToOne
    sides = [node.lhs] if card != cardinality.ManyToOne else []
    return sides + ([node.rhs] if card != cardinality.OneToMany else [])


def _on(node: promql_parser.BinaryExpr) -> str:
    """Return how ``and`` matches a side with its own counts."""
    matching = node.modifier.matching if node.modifier else None
    if matching is None:
        return "ignoring ()"
    word = "on" if matching.type == promql_parser.LabelModifierType.Include else "ignoring"
    return f"{word} ({', '.join(matching.labels)})"


def _count(side: promql_parser.Expr, node: promql_parser.BinaryExpr) -> str:
    """Return a query for how often the labels that are matched are found on a side."""
    word, _, labels = _on(node).partition(" ")
    return f"count {'by' if word == 'on' else 'without'} {labels} ({side.prettify()})"


def _is_scalar(node: promql_parser.Expr) -> bool:
    if isinstance(node, promql_parser.NumberLiteral):
        return True
    if isinstance(node, promql_parser.Call):
        return bool(node.func.return_type == promql_parser.ValueType.Scalar)
    if isinstance(node, promql_parser.BinaryExpr):
        return _is_scalar(node.lhs) and _is_scalar(node.rhs)
    return isinstance(node, promql_parser.ParenExpr | promql_parser.UnaryExpr) and _is_scalar(node.expr)
