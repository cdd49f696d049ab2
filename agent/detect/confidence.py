"""What is known of an anomaly in, the probability that it is one, and of the kind named, out.

A logistic curve (Platt 1999) over the logarithms of its strength and length, how clear its kind is, and the
kind itself, since some are mistaken for others more often. ``tests/bench/detect_kinds.py --fit`` fits the
constants to seeded series into which anomalies of all kinds were put, and its tables show how far they hold
for others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import exp, log

import numpy as np

from agent.records import FloatArray

_LARGEST = 1e6
_MOST = 0.99  # nobody is surer than that
_QUIET_SLOPE = 3.0  # of rows that raise no alarm, by their score's share of the threshold
_QUIET_MOST = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The constants of one curve. ``kinds`` holds what is added for a kind."""

    base: float
    strength: float
    length: float
    clear: float
    mature: float = 0.0
    kinds: Mapping[str, float] = field(default_factory=dict)

    def at(self, kind: str, strength: float, length: int, clear: float, mature: bool = True) -> float:
        """Return the probability for an anomaly that is so many thresholds strong and samples long.

        ``mature`` says whether some days of the series are known; until then much is news.
        """
        evidence = (
            self.base
            + self.strength * log(min(max(strength, 1e-3), _LARGEST))
            + self.length * log(max(length, 1))
            + self.clear * clear
            + self.mature * mature
            + self.kinds.get(kind, 0.0)
        )
        return min(1 / (1 + exp(-min(max(evidence, -50.0), 50.0))), _MOST)


LIVE = Curve(
    base=-6.17,
    strength=-0.71,
    length=0.71,
    clear=5.58,
    mature=2.0,  # not fitted: nothing is put into the first days, and every system has others
    kinds={
        "spike": -2.72,
        "dip": -2.36,
        "level_shift": -2.35,
        "trend": -0.36,
        "variance_change": 0.27,
        "lost_seasonality": 0.83,
        "flat_line": 1.0,
        "missing_data": 2.68,
        "correlated_shift": 2.62,
    },
)
FILE = Curve(
    base=-1.88,
    strength=3.2,
    length=-0.76,
    clear=0.12,
    kinds={
        "spike": -3.24,
        "dip": -3.73,
        "level_shift": -0.74,
        "trend": -0.84,
        "variance_change": 2.45,
        "lost_seasonality": -2.5,
        "flat_line": 4.15,
        "missing_data": 4.47,
        "correlated_shift": -0.89,
    },
)

# of whole entities: the models' own threshold says how rare a score is, so nothing else is asked
ENTITY = Curve(base=0.4, strength=2.0, length=0.0, clear=0.0)


_ENTITY_SLOPE = 2.0
_ENTITY_AT_THRESHOLD = 0.6


def confidence_of(score: FloatArray, threshold: FloatArray) -> FloatArray:
    """Return the probability of an anomaly of a whole entity; 0 where the threshold is infinite."""
    with np.errstate(divide="ignore", invalid="ignore"):
        evidence = _ENTITY_SLOPE * np.log(np.maximum(score, 1e-12) / threshold) + np.log(
            _ENTITY_AT_THRESHOLD / (1 - _ENTITY_AT_THRESHOLD)
        )
    result: FloatArray = 1 / (1 + np.exp(-np.clip(np.nan_to_num(evidence, neginf=-50.0), -50, 50)))
    return np.where(np.isfinite(threshold), result, 0.0)


def quiet_confidence(score: FloatArray, threshold: FloatArray) -> FloatArray:
    """Return the probability that there is an anomaly in rows that raise no alarm; 0 without a threshold."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.clip(np.nan_to_num(score / threshold), 0.0, 1.0)
    result: FloatArray = np.where(np.isfinite(threshold), _QUIET_MOST * share**_QUIET_SLOPE, 0.0)
    return result
