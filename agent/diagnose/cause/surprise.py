"""Healthy values of each series in, how surprising a value is out: minus the logarithm of how likely it was.

The tail beyond the worst tenth of the healthy values is a generalised Pareto distribution (Pickands 1975;
compare SPOT, Siffer et al. 2017) with a shape that is fixed: what is known of a tail from an hour or a day
does not tell its shape. So a series that was wild before surprises nobody, and each further digit costs more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.records.metrics import FloatArray

CAP = 6.0  # digits; one in a million is as sure as a single series can be
_TAIL = 0.1  # of the healthy values lie in it
_SHAPE = 0.25
_NORMAL_EXCESS = 0.47  # mean excess over the 90 % quantile of a normal distribution, in its deviations
_NORMAL_TAIL = 1.2816
NOTABLE = 1.3  # digits; one in twenty
SLIGHT = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class Tail:
    """The upper tail of each row: where it begins above the level, and its scale, in the series' unit."""

    level: FloatArray
    begin: FloatArray
    scale: FloatArray

    @classmethod
    def of(cls, healthy: FloatArray, level: FloatArray, deviation: FloatArray) -> Tail:
        """``level`` is the median, ``deviation`` the least that counts as one deviation, floor included."""
        if not healthy.shape[1]:
            return cls(level, _NORMAL_TAIL * deviation, _NORMAL_EXCESS * deviation)
        ordered = np.sort(healthy, axis=1)
        count = (~np.isnan(ordered)).sum(axis=1)
        place = np.floor((1 - _TAIL) * np.maximum(count - 1, 0)).astype(np.intp)
        begin = np.nan_to_num(ordered[np.arange(len(ordered)), place] - level)
        excess = ordered - level[:, None] - begin[:, None]
        inside = np.nan_to_num(excess) > 0
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(inside, excess, 0.0).sum(axis=1) / np.maximum(inside.sum(axis=1), 1)
        return cls(
            level,
            np.maximum(begin, _NORMAL_TAIL * deviation),
            np.maximum(np.nan_to_num(mean), _NORMAL_EXCESS * deviation),
        )

    def surprise(self, values: FloatArray) -> FloatArray:
        """Return digits for rows x time: 1 where the tail begins, 0 at the level and below, at most CAP."""
        away = np.nan_to_num(values - self.level[:, None])
        begin, scale = np.maximum(self.begin, 1e-300)[:, None], np.maximum(self.scale, 1e-300)[:, None]
        beyond = np.maximum(away - begin, 0.0)
        digits = 1 + np.log10(1 + _SHAPE * beyond / scale) / _SHAPE
        result: FloatArray = np.where(away >= begin, np.minimum(digits, CAP), np.maximum(away, 0.0) / begin)
        return result


def sustained(digits: FloatArray) -> FloatArray:
    """Return for each row what its worst half of the columns reaches on average."""
    if not digits.shape[1]:
        return np.zeros(digits.shape[0])
    most = max(1, digits.shape[1] // 2) if digits.shape[1] < 20 else digits.shape[1] // 4
    worst: FloatArray = np.partition(digits, digits.shape[1] - most, axis=1)[:, -most:].mean(axis=1)
    return worst


def severity_of(digits: FloatArray, notable: float = NOTABLE) -> FloatArray:
    """Return 0..1 for digits: 0 up to what is notable, 1 for the cap."""
    result: FloatArray = np.clip((digits - notable) / (CAP - notable), 0.0, 1.0)
    return result
