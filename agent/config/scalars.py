"""Value types that several files share: durations, sizes, identifiers, templates."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

_DURATION_PART = re.compile(r"([0-9]+)(ms|s|m|h|d|w)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION_PATTERN = r"^([0-9]+(ms|s|m|h|d|w))+$"


def parse_duration(text: str) -> timedelta:
    """Return ``90s``, ``1h30m`` or ``2d`` as a timedelta. Raises ValueError for anything else."""
    if not re.fullmatch(_DURATION_PATTERN[1:-1], text):
        raise ValueError(f"'{text}' is no duration; write a number and a unit, such as 15s, 5m, 1h30m")
    seconds = sum(int(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(text))
    if seconds > 366 * 86400:
        raise ValueError(f"'{text}' is longer than a year")
    return timedelta(seconds=seconds)


def format_duration(span: timedelta) -> str:
    """Return a timedelta as the files write it: ``1h30m``, ``15s``, ``200ms``."""
    left = round(span.total_seconds() * 1000)
    if left <= 0:
        return "0s"
    text = ""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, left = divmod(left, size)
        if count:
            text += f"{count}{unit}"
    return text


def _to_duration(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str):
        return parse_duration(value)
    raise ValueError(f"{value!r} has no unit; write a duration such as 15s, 5m, 1h30m")


Duration = Annotated[
    timedelta,
    BeforeValidator(_to_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": _DURATION_PATTERN, "examples": ["15s", "1h30m"]}),
]


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("must be longer than 0s")
    return value


PositiveDuration = Annotated[Duration, AfterValidator(_positive)]

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
"""Ids of signals, rules, faults, remediations, parameters: lower case words joined by ``_``."""

Text = Annotated[str, Field(min_length=1, max_length=2000)]
Confidence = Annotated[float, Field(ge=0.0, le=1.0)]


def check_patterns(where: dict[str, str]) -> dict[str, str]:
    """Return label patterns unchanged. Raises ValueError when one is no regular expression."""
    for label, pattern in where.items():
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"'{pattern}' for label '{label}' is no regular expression: {error}") from error
    return where


Patterns = Annotated[dict[str, str], AfterValidator(check_patterns)]
