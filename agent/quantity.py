"""A number and its unit in, the text that people read out."""

from __future__ import annotations

import math

from agent.placeholders import format_value

_STYLE = {"ratio": "percent", "bytes": "bytes"}
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
    shown = format_value(float(f"{value:.4g}"), _STYLE.get(unit))
    return shown if unit in (*_STYLE, "", "count", "boolean") else f"{shown} {unit}"


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
