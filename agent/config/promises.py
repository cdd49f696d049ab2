"""A rule in, the labels that all it finds carries out, so that what is asked afterwards can be asked.

Only what the files say counts: the names in the rule's entity, the labels that the query of a signal keeps,
and what a condition compares. Of a plain selector those are its matchers and what every scraped series has.
"""

from __future__ import annotations

from collections.abc import Mapping

import promql_parser

from agent.config.conditions import AllOf, AnyOf, Condition, ForecastCondition, NoneOf, SignalCondition
from agent.config.promql import with_rate_interval
from agent.config.rulefiles import Rule, Signal
from agent.placeholders import names

Labels = frozenset[str]
TARGET: Labels = frozenset({"host", "instance", "job"})
_NONE: Labels = frozenset()
_CHOOSING = frozenset({"topk", "bottomk", "limitk", "limit_ratio"})  # aggregations that keep whole series
_NAMING = frozenset({"label_replace", "label_join"})


def promised_labels(rule: Rule, signals: Mapping[str, Signal]) -> Labels:
    """Return the labels that every diagnosis by a rule has."""
    return frozenset(names(rule.entity)) | _of_condition(rule.when, signals)


def kept_labels(query: str) -> Labels:
    """Return the labels that every series of a query's answer is known to have.

    >>> sorted(kept_labels("sum by (host, unit) (rate(requests_total[5m]))"))
    ['host', 'unit']
    """
    return _kept(promql_parser.parse(with_rate_interval(query)))


def _of_condition(condition: Condition, signals: Mapping[str, Signal]) -> Labels:
    match condition:
        case AllOf():
            return _NONE.union(*(_of_condition(part, signals) for part in condition.all))
        case AnyOf():
            parts = [_of_condition(part, signals) for part in condition.any]
            return parts[0].intersection(*parts[1:])
        case NoneOf():
            return _NONE
        case SignalCondition() | ForecastCondition():  # a forecast is of a series, and has its labels
            named = condition.signal if isinstance(condition, SignalCondition) else condition.forecast
            signal = signals.get(named)
            kept = kept_labels(signal.query) if signal is not None else frozenset({"host"})
            if "instance" in kept:
                kept |= {"host"}  # which the agent adds
            return kept | condition.where.keys()
        case _:
            return frozenset(condition.where)


def _kept(node: promql_parser.Expr) -> Labels:
    if isinstance(node, promql_parser.VectorSelector):
        groups = [node.matchers.matchers, *node.matchers.or_matchers]
        compared = [frozenset(str(one.name) for one in group) for group in groups]
        return TARGET | compared[0].intersection(*compared[1:])
    if isinstance(node, promql_parser.MatrixSelector):
        return _kept(node.vector_selector)
    if isinstance(node, promql_parser.AggregateExpr):
        return _kept_by_aggregation(node)
    if isinstance(node, promql_parser.BinaryExpr):
        return _kept_by_operator(node)
    if isinstance(node, promql_parser.Call):
        kept = _NONE.union(*(_kept(argument) for argument in node.args))
        return kept | {node.args[1].val} if node.func.name in _NAMING else kept
    inner = getattr(node, "expr", None)
    return _kept(inner) if inner is not None else _NONE


def _kept_by_aggregation(node: promql_parser.AggregateExpr) -> Labels:
    if node.modifier is None:
        return _kept(node.expr) if str(node.op) in _CHOOSING else _NONE
    labels = frozenset(node.modifier.labels)
    return labels if node.modifier.type == promql_parser.AggModifierType.By else _kept(node.expr) - labels


def _kept_by_operator(node: promql_parser.BinaryExpr) -> Labels:
    left, right, operator = _kept(node.lhs), _kept(node.rhs), str(node.op)
    if operator in ("and", "unless"):
        return left
    if operator == "or":
        return left & right
    modifier = node.modifier
    if modifier is None or modifier.card == promql_parser.VectorMatchCardinality.OneToOne:
        matching = modifier.matching if modifier is not None else None
        if matching is None:
            return left | right
        labels = frozenset(matching.labels)
        on = matching.type == promql_parser.LabelModifierType.Include
        return labels if on else (left | right) - labels
    many = left if modifier.card == promql_parser.VectorMatchCardinality.ManyToOne else right
    return many | frozenset(modifier.group_labels or ())
