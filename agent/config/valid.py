"""The unit of a measurement in, the values it can have out. What lies outside is no measurement.

Exporters pass on what a kernel or a device tells them: a free space of 2^64 blocks, a counter that wrapped,
a ratio made of two of them. Such a value looks like any other number to a comparison.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from pydantic import model_validator

from agent.config.yamlfile import Strict
from agent.records import BoolArray, FloatArray

Bounds = tuple[float, float]

_FASTEST_BYTES = 2.0**43  # eight tebibytes a second; a counter that wraps seems to make far more
_LARGEST_BYTES = 2.0**60  # an exbibyte, and less than what wraps at 2^63 and 2^64
_ANY: Bounds = (-(2.0**63), 2.0**63)  # what a kernel counts to before it wraps; no infinity
_SLACK = 1e-6  # sums of shares are not exact
_CENTURY_S = 100 * 366 * 86_400.0

OF_UNIT: Mapping[str, Bounds] = MappingProxyType(
    {
        "boolean": (0.0, 1.0),
        "ratio": (0.0, 1.0),
        "percent": (0.0, 100.0),
        "bytes": (0.0, _LARGEST_BYTES),
        "bytes/s": (0.0, _FASTEST_BYTES),
        "seconds": (0.0, _CENTURY_S),
        "days": (-_CENTURY_S / 86_400, _CENTURY_S / 86_400),  # a certificate may have ended long ago
        "cores": (0.0, 1e6),
        "requests": (0.0, 1e12),
        "requests/s": (0.0, 1e12),
        "connections": (0.0, 1e12),
        "files": (0.0, 1e15),
        "count": (0.0, 1e15),
    }
)


class ValidRange(Strict):
    """What a value can be: ``{min: 0, max: 4096}``. What is not given is as the unit says."""

    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> ValidRange:
        if self.min is None and self.max is None:
            raise ValueError("needs 'min' or 'max'")
        if self.min is not None and self.max is not None and self.min >= self.max:
            raise ValueError(f"'min' {self.min:g} is not below 'max' {self.max:g}")
        return self


def bounds_of(unit: str, valid: ValidRange | None) -> Bounds:
    """Return the least and the greatest value that a measurement can have.

    >>> bounds_of("ratio", None), bounds_of("ratio", ValidRange(max=64))
    ((0.0, 1.0), (0.0, 64.0))
    """
    low, high = OF_UNIT.get(unit, _ANY)
    if valid is not None:
        low = low if valid.min is None else valid.min
        high = high if valid.max is None else valid.max
    return low, high


def rounded_into(values: FloatArray, bounds: Bounds) -> tuple[FloatArray, BoolArray]:
    """Return values, those put onto a bound that miss it by rounding only, and which are no measurements."""
    return np.clip(values, *bounds), ~are_possible(values, bounds)


def are_possible(values: FloatArray, bounds: Bounds) -> BoolArray:
    """Return which values are measurements. NaN is none."""
    low, high = bounds
    possible: BoolArray = (values >= low - _SLACK) & (values <= high + _SLACK)
    return possible


def why_impossible(value: float, bounds: Bounds) -> str:
    """Return in words why a value is no measurement.

    >>> why_impossible(7.5e11, (0.0, 1.0))
    '7.5e+11 is impossible: it must lie between 0 and 1'
    """
    low, high = bounds
    return f"{value:g} is impossible: it must lie between {low:g} and {high:g}"
