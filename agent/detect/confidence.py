"""A score and its threshold in, the probability that there is an anomaly out.

A logistic curve over the logarithm of their ratio (Platt 1999), fitted by ``tests/bench/detect_kinds.py`` to
seeded series into which anomalies of all kinds were put.
"""

from __future__ import annotations

import numpy as np

from agent.records import FloatArray

_SLOPE = 2.0
_AT_THRESHOLD = 0.6


def confidence_of(score: FloatArray, threshold: FloatArray) -> FloatArray:
    """Return a probability for each row; 0 where the threshold is infinite."""
    with np.errstate(divide="ignore", invalid="ignore"):
        evidence = _SLOPE * np.log(np.maximum(score, 1e-12) / threshold) + np.log(
            _AT_THRESHOLD / (1 - _AT_THRESHOLD)
        )
    result: FloatArray = 1 / (1 + np.exp(-np.clip(np.nan_to_num(evidence, neginf=-50.0), -50, 50)))
    return np.where(np.isfinite(threshold), result, 0.0)


def live_confidence(kind: str, peak: float, samples: int, clear: float) -> float:
    """Return the probability that an open anomaly is one, and of this kind."""
    evidence = _SLOPE * np.log(max(peak, 1e-12)) + np.log(_AT_THRESHOLD / (1 - _AT_THRESHOLD))
    return float(clear / (1 + np.exp(-evidence)))
