"""The expression of an alert in, signals and the condition of a rule out, where it can be said as such.

An alert filters: of what does not fire nothing is left, which is no evidence that it is well. So what is
compared becomes a signal of its own, and the comparison a condition of the rule.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import promql_parser

_COMPARISONS = {
    ">": "<",
    "<": ">",
    ">=": "<=",
    "<=": ">=",
    "==": "==",
    "!=": "!=",
}  # and what it is turned round


class NotSayable(Exception):
    """This expression cannot be said as signals and conditions; the text says why."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A vector that is compared with a number. ``labels`` are those of its series, None where any may be."""

    query: str
    operator: str
    number: float
    labels: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Parts:
    """Comparisons that must all hold (``word`` is all) or one of which must (any)."""

    word: str
    parts: tuple[Parts | Compared, ...] = field(default=())


def conditions_of(expression: str) -> Parts | Compared:
    """Return what an alert's expression compares. Raises NotSayable, ValueError for what is no PromQL."""
    return _parts(promql_parser.parse(expression))


def leaves_of(parts: Parts | Compared) -> Iterator[Compared]:
    """Yield the comparisons that an expression is made of."""
    if isinstance(parts, Compared):
        yield parts
    else:
        for one in parts.parts:
            yield from leaves_of(one)


def bounds_of(one: Compared) -> list[Mapping[str, float]]:
    """Return the bounds of a condition, one of which must be met."""
    match one.operator:
        case ">":
            return [{"above": one.number}]
        case "<":
            return [{"below": one.number}]
        case ">=":
            return [{"above": math.nextafter(one.number, -math.inf)}]
        case "<=":
            return [{"below": math.nextafter(one.number, math.inf)}]
        case "==":
            return [{"equals": one.number}]
        case _:
            return [{"below": one.number}, {"above": one.number}]


def _parts(node: promql_parser.Expr) -> Parts | Compared:
    match node:
        case promql_parser.ParenExpr():
            return _parts(node.expr)
        case promql_parser.BinaryExpr() if str(node.op) in ("and", "or"):
            word = "all" if str(node.op) == "and" else "any"
            return Parts(word, (_parts(node.lhs), _parts(node.rhs)))
        case promql_parser.BinaryExpr() if str(node.op) in _COMPARISONS:
            return _comparison(node)
        case promql_parser.BinaryExpr() if str(node.op) == "unless":
            raise NotSayable("it leaves out by 'unless' what may only be missing")
        case promql_parser.Call() if node.func.name.startswith("absent"):
            raise NotSayable("it fires for what is not there, and names nobody")
    raise NotSayable("it compares nothing with a number")


def _comparison(node: promql_parser.BinaryExpr) -> Parts | Compared:
    operator, left, right = str(node.op), node.lhs, node.rhs
    if node.modifier is not None and node.modifier.return_bool:
        raise NotSayable("it compares by 'bool'")
    if _number(left) is not None:
        operator, left, right = _COMPARISONS[operator], right, left
    number = _number(right)
    inner = _bare(left)
    if number is not None and isinstance(inner, promql_parser.BinaryExpr) and _is_comparison(inner):
        # 3 <= x < 20: what is compared further is the vector of the comparison before
        before = _comparison(inner)
        if not isinstance(before, Compared):
            raise NotSayable("it compares what is compared by several")
        return Parts("all", (before, replace(before, operator=operator, number=number)))
    if any(_is_of_absence(side) for side in (left, right)):
        raise NotSayable("it fires for what is not there, and names nobody")
    if number is not None:
        return Compared(left.prettify(), operator, number, _labels(left))
    if operator in ("==", "!="):
        raise NotSayable("it asks whether two vectors are the same")
    how = f"{node.modifier} " if node.modifier else ""
    query = f"({left.prettify()}) - {how}({right.prettify()})"
    return Compared(promql_parser.parse(query).prettify(), operator, 0.0, _labels(left))


def _is_of_absence(node: promql_parser.Expr) -> bool:
    inner = _bare(node)
    return isinstance(inner, promql_parser.Call) and inner.func.name.startswith("absent")


def _is_comparison(node: promql_parser.BinaryExpr) -> bool:
    return str(node.op) in _COMPARISONS


def _bare(node: promql_parser.Expr) -> promql_parser.Expr:
    return _bare(node.expr) if isinstance(node, promql_parser.ParenExpr) else node


def _number(node: promql_parser.Expr) -> float | None:
    """Return the value of an expression of numbers, None of any other."""
    match node:
        case promql_parser.NumberLiteral():
            return float(node.val)
        case promql_parser.ParenExpr():
            return _number(node.expr)
        case promql_parser.UnaryExpr():
            inner = _number(node.expr)
            return None if inner is None else -inner
        case promql_parser.BinaryExpr():
            left, right = _number(node.lhs), _number(node.rhs)
            if left is None or right is None:
                return None
            match str(node.op):
                case "*":
                    return left * right
                case "/":
                    return left / right if right else None
                case "+":
                    return left + right
                case "-":
                    return left - right
    return None


def _labels(node: promql_parser.Expr) -> frozenset[str] | None:
    """Return the labels that the series of a vector have, None where they may have any."""
    match node:
        case promql_parser.ParenExpr() | promql_parser.UnaryExpr() | promql_parser.SubqueryExpr():
            return _labels(node.expr)
        case promql_parser.AggregateExpr():
            if node.modifier is None:
                return frozenset()
            if node.modifier.type == promql_parser.LabelModifierType.Include:
                return frozenset(node.modifier.labels)
            return None
        case promql_parser.Call():
            if all(_number(one) is not None for one in node.args):
                return frozenset()  # the time, a number as a vector: of nobody
            found = [_labels(one) for one in node.args if _number(one) is None]
            return next((one for one in found if one is not None), None)
        case promql_parser.BinaryExpr():
            if _number(node.lhs) is not None:
                return _labels(node.rhs)
            how = node.modifier
            if how is None or how.matching is None:
                return _labels(node.lhs)
            is_one_to_one = how.card == promql_parser.VectorMatchCardinality.OneToOne
            if is_one_to_one and how.matching.type == promql_parser.LabelModifierType.Include:
                return frozenset(how.matching.labels)
            return _labels(node.lhs)
    return None
