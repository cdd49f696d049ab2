"""A number and its unit in, the text that people read out."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta

from agent.cleantext import clean

_BYTES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_SPANS = (("day", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
_FOUR_DIGITS = 999.5  # as three they would be written 1e+03
_SHOWN_LENGTH = 200  # characters of a label that people get to see
_STYLE_OF_UNIT = {"ratio": "percent", "bytes": "bytes"}
_LONG_S = 120.0
_Z = 1.2816  # standard deviations: between them lie 80 %


def format_quantity(value: float | None, unit: str = "") -> str:
    """Return a measurement as people write it.

    >>> format_quantity(0.0312, "ratio"), format_quantity(3.2e9, "bytes"), format_quantity(1.0, "boolean")
    ('3.12 %', '2.98 GiB', 'yes')
    """
    if value is None:
        return "no sample"
    if unit == "boolean" and value in (0.0, 1.0):
        return "yes" if value else "no"
    if unit == "seconds":
        return format_value(value, "duration") if abs(value) >= _LONG_S else f"{value:.3g} s"
    if unit == "bytes/s":
        return f"{format_value(value, 'bytes')}/s"
    shown = format_value(float(f"{value:.4g}"), _STYLE_OF_UNIT.get(unit))
    return shown if unit in (*_STYLE_OF_UNIT, "", "count", "boolean") else f"{shown} {unit}"


def format_value(value: str | float | None, style: str | None = None) -> str:
    """Return a value as people write it: ``percent``, ``bytes``, ``duration`` or plain."""
    if value is None:
        return "unknown"
    if isinstance(value, str):
        return clean(value, _SHOWN_LENGTH)
    return _STYLES.get(style or "", _plain)(value)


def span_in_words(span: timedelta) -> str:
    """Return how long something takes or took: ``8 s``, ``3 min 20 s``, ``2 h 10 min``, ``3 days``.

    >>> span_in_words(timedelta(minutes=130)), span_in_words(timedelta(seconds=8.4))
    ('2 h 10 min', '8 s')
    """
    left = max(0, round(span.total_seconds()))
    largest = next((place for place, (_, size) in enumerate(_SPANS) if left >= size), len(_SPANS) - 1)
    told: list[str] = []
    for unit, size in _SPANS[largest : largest + 2]:
        count, left = divmod(left, size)
        if count or not told:
            told.append(f"{count} {unit}{'s' if unit == 'day' and count > 1 else ''}")
    return " ".join(told)


def wilson_interval(good: float, total: float) -> tuple[float, float]:
    """Return between which bounds a share lies of which ``good`` of ``total`` are known (80 % sure).

    The score interval (Wilson 1927), which holds for few and for fractional counts too; of nothing 0 to 1.
    """
    if total <= 0.0:
        return 0.0, 1.0
    share, spread = good / total, _Z * _Z / total
    centre = (share + spread / 2.0) / (1.0 + spread)
    half = math.sqrt(spread * (share * (1.0 - share) + spread / 4.0)) / (1.0 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def _plain(value: float) -> str:
    return f"{value:.6g}"


def _three_digits(value: float) -> str:
    return f"{value:.3g}" if abs(value) < _FOUR_DIGITS else f"{value:.0f}"


def _percent(value: float) -> str:
    return f"{_three_digits(value * 100)} %"


def _bytes(value: float) -> str:
    for unit in _BYTES:
        if abs(value) < 1024 or unit == _BYTES[-1]:
            return f"{_three_digits(value)} {unit}"
        value /= 1024
    raise AssertionError("unreachable")


def _duration(value: float) -> str:
    try:
        told = span_in_words(timedelta(seconds=abs(round(value))))
        return f"-{told}" if round(value) < 0 else told
    except (OverflowError, ValueError):
        return _plain(value)


_STYLES: dict[str, Callable[[float], str]] = {
    "": _plain,
    "percent": _percent,
    "bytes": _bytes,
    "duration": _duration,
}
STYLES = frozenset(_STYLES) - {""}
