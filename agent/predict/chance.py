"""When something is used up, with an interval, in, how likely that is by a time out."""

from __future__ import annotations

from statistics import NormalDist

_Z80 = NormalDist().inv_cdf(0.9)
_LEAST_WIDTH_S = 1.0


def chance_within(horizon_s: float, left_s: float, low_s: float, high_s: float) -> float:
    """Return how likely the end comes within the horizon: eight in ten lie between low and high.

    A normal distribution on each side of what is left, as wide as the interval on that side.
    """
    side = high_s - left_s if horizon_s >= left_s else left_s - low_s
    return NormalDist(left_s, max(side / _Z80, _LEAST_WIDTH_S)).cdf(horizon_s)
