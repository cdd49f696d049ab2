"""A drafted rule in, its story out: somebody to whom it happens, and somebody to whom it nearly does."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from agent.config.scalars import format_duration
from agent.instance import with_host
from agent.placeholders import fill
from agent.workshop.alertconditions import Compared, Parts, bounds_of, leaves_of

_SHORTEST = timedelta(seconds=15)
_SAMPLES = 6


def story(
    alert: str,
    rule: Mapping[str, Any],
    parts: Parts | Compared,
    names: Mapping[str, str],
    labels: Sequence[str],
    hold: timedelta,
) -> dict[str, Any] | None:
    """Return samples that meet a rule on one entity and not on another, or None where none can meet it."""
    wanted = _values(parts)
    if wanted is None:
        return None
    near = _missed(parts, wanted)
    if near is None:
        return None
    interval = max(_SHORTEST, hold / 2)
    who, other = _labels(labels, 1), _labels(labels, 2)
    series = []
    for query, value in wanted.items():
        series.append({"series": _series(names[query], who), "values": f"{value!r}x{_SAMPLES}"})
        series.append({"series": _series(names[query], other), "values": f"{near[query]!r}x{_SAMPLES}"})
    found = {
        "fault": rule["fault"],
        "entity": fill(str(rule["entity"]), with_host(who)),
        "rules": [rule["id"]],
    }
    at = format_duration(timedelta(seconds=round(interval.total_seconds())) * _SAMPLES)
    return {
        "name": f"what {_words(alert)} is about, and what is nearly so",
        "interval": format_duration(timedelta(seconds=round(interval.total_seconds()))),
        "series": series,
        "expect": [{"at": at, "incidents": [found]}],
    }


def alert_story(alert: str, rule: Mapping[str, Any]) -> dict[str, Any]:
    """Return the story of a rule about the alert itself."""
    found = {
        "fault": rule["fault"],
        "entity": fill("{alertname}", {"alertname": alert}),
        "rules": [rule["id"]],
    }
    return {
        "name": f"the alert {_words(alert)} fires",
        "alerts": [{"alert": alert, "labels": {"job": "prometheus"}, "since": "1m"}],
        "expect": [{"at": "30s", "incidents": []}, {"at": "2m", "incidents": [found]}],
    }


def _words(alert: str) -> str:
    return re.sub(r"[^\w .:>%()-]", "?", alert)[:80]


def _labels(names: Sequence[str], number: int) -> dict[str, str]:
    return {one: f"db{number}:9100" if one == "instance" else f"{one}{number}" for one in names}


def _series(signal: str, labels: Mapping[str, str]) -> str:
    inner = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return f"{signal}{{{inner}}}"


def _values(parts: Parts | Compared) -> dict[str, float] | None:
    """Return a value for each query so that all holds, of alternatives the first that can."""
    compared = list(leaves_of(_one_way(parts)))
    found = {}
    for query in dict.fromkeys(one.query for one in compared):
        own = [one for one in compared if one.query == query]
        value = next((value for value in _tries(own) if all(_holds(one, value) for one in own)), None)
        if value is None:
            return None
        found[query] = value
    for one in leaves_of(parts):
        found.setdefault(one.query, next(value for value in _around(one) if not _holds(one, value)))
    return found


def _one_way(parts: Parts | Compared) -> Parts | Compared:
    """Return what must all be so for it to hold, of alternatives the first."""
    if isinstance(parts, Compared):
        return parts
    if parts.word == "any":
        return _one_way(parts.parts[0])
    return Parts("all", tuple(_one_way(one) for one in parts.parts))


def _missed(parts: Parts | Compared, wanted: Mapping[str, float]) -> dict[str, float] | None:
    """Return values with which it does not hold, as near to those with which it does as may be."""
    near = dict(wanted)
    for query in wanted:
        own = [one for one in leaves_of(parts) if one.query == query]
        for value in _tries(own):
            if not _all_hold(parts, {**near, query: value}):
                return {**near, query: value}
        # of alternatives each has to be missed
        missed = (value for value in _tries(own) if not any(_holds(one, value) for one in own))
        near[query] = next(missed, wanted[query])
    return None if _all_hold(parts, near) else near


def _tries(compared: Sequence[Compared]) -> list[float]:
    numbers = [one.number for one in compared]
    between = sum(numbers) / len(numbers)
    return [value for one in compared for value in _around(one)] + [between]


def _all_hold(parts: Parts | Compared, values: Mapping[str, float]) -> bool:
    if isinstance(parts, Compared):
        return _holds(parts, values[parts.query])
    holds = [_all_hold(one, values) for one in parts.parts]
    return all(holds) if parts.word == "all" else any(holds)


def _around(one: Compared) -> list[float]:
    step = max(abs(one.number) * 0.1, 0.001) if one.number else 1.0
    return [one.number + step, one.number - step, one.number, one.number + 10 * step, one.number - 10 * step]


def _holds(one: Compared, value: float) -> bool:
    for bound in bounds_of(one):
        if "above" in bound and value > bound["above"]:
            return True
        if "below" in bound and value < bound["below"]:
            return True
        if "equals" in bound and value == bound["equals"]:
            return True
    return False
