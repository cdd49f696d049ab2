"""Rules and the exporters that a host has in, the faults that nobody would see there out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cache

import promql_parser

from agent.config.conditions import (
    WITHOUT_QUERY,
    AlertCondition,
    AllOf,
    AnyOf,
    Condition,
    EventCondition,
    ForecastCondition,
    LogCondition,
    LogTemplateCondition,
    NoneOf,
    SignalCondition,
)
from agent.config.exporterfile import Exporter, exporter_of
from agent.config.promql import with_rate_interval
from agent.config.rulefiles import Rulebook

_Has = Callable[[str], bool]


class Coverage:
    """Says what can be seen with which exporters.

    ``arrivals`` are the kinds of what arrives by itself (log, event, alert) that the settings take in.
    """

    def __init__(self, book: Rulebook, exporters: Mapping[str, Exporter], arrivals: Collection[str]) -> None:
        self._book = book
        self._exporters = exporters
        self._arrivals = frozenset(arrivals)

    @property
    def faults(self) -> list[str]:
        """Return the faults that some rule finds."""
        return sorted({rule.fault for rule in self._book.rules.values()})

    def blind(self, present: Collection[str]) -> list[str]:
        """Return the faults that no rule can find where only these exporters are.

        Faults that no rule finds anywhere are left out: they come from cases and from what people say.
        """

        def has(metric: str) -> bool:
            exporter = exporter_of(metric, self._exporters)
            return exporter is None or exporter in present

        seen: dict[str, bool] = {}
        for rule in self._book.rules.values():
            seen[rule.fault] = seen.get(rule.fault, False) or self._can_hold(rule.when, has)
        return sorted(fault for fault, can in seen.items() if not can)

    def hidden_by(self, exporter: str, present: Collection[str]) -> list[str]:
        """Return the faults that are seen once an exporter is there beside those that are present."""
        without = set(present) - {exporter}
        return sorted(set(self.blind(without)) - set(self.blind({*without, exporter})))

    def _can_hold(self, condition: Condition, has: _Has) -> bool:
        match condition:
            case AllOf():
                return all(self._can_hold(part, has) for part in condition.all)
            case AnyOf():
                return any(self._can_hold(part, has) for part in condition.any)
            case NoneOf():
                return True
            case SignalCondition():
                signal = self._book.signals.get(condition.signal)
                if signal is None:
                    return condition.signal in WITHOUT_QUERY and self._comes_from_logs(condition.signal)
                return can_answer(signal.query, has)
            case ForecastCondition():
                return can_answer(self._book.signals[condition.forecast].query, has)
            case LogCondition() | LogTemplateCondition():
                return "log" in self._arrivals
            case EventCondition():
                return "event" in self._arrivals
            case AlertCondition():
                return "alert" in self._arrivals

    def _comes_from_logs(self, signal: str) -> bool:
        return not signal.startswith("log_") or "log" in self._arrivals


def can_answer(query: str, has: _Has) -> bool:
    """Return whether a query can find something where ``has`` says which metrics there are.

    >>> can_answer("a / b", {"a"}.__contains__), can_answer("a or b", {"a"}.__contains__)
    (False, True)
    >>> can_answer("sum(a) unless b", {"a"}.__contains__)
    True
    """
    return _can(_parsed(query), has)


@cache
def _parsed(query: str) -> promql_parser.Expr:
    return promql_parser.parse(with_rate_interval(query))


def _can(node: promql_parser.Expr, has: _Has) -> bool:
    match node:
        case promql_parser.VectorSelector():
            return not node.name or has(node.name)
        case promql_parser.MatrixSelector():
            return _can(node.vector_selector, has)
        case promql_parser.BinaryExpr():
            left, right = _can(node.lhs, has), _can(node.rhs, has)
            operator = str(node.op)
            return left or right if operator == "or" else left if operator == "unless" else left and right
        case promql_parser.Call():
            return node.func.name.startswith("absent") or all(_can(one, has) for one in node.args)
    inner = getattr(node, "expr", None)
    return inner is None or _can(inner, has)
