"""How strange an anomaly is and for how long in, the probability that there is one out.

A logistic curve (Platt 1999) over logarithms. No weight is negative: what is stranger or lasts longer is
never less sure. ``tests/bench/detect_kinds.py --fit`` fits the constants to seeded series with anomalies of
all kinds, and its tables show how far they hold for others, ``tests/bench/detect.py`` for recorded ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log

_MOST = 0.99  # nobody is surer than that
_STRENGTHS = 1e-3, 1e6
_LENGTHS = 1, 1000  # samples: what lasts longer is no surer


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The constants of one curve."""

    base: float
    strength: float
    length: float

    def at(self, strength: float, length: int) -> float:
        """Return the probability for an anomaly that is so many times as rare as asked, and samples long."""
        parts = zip((self.strength, self.length), features_of(strength, length), strict=True)
        evidence = self.base + sum(weight * feature for weight, feature in parts)
        return min(1 / (1 + exp(-min(max(evidence, -50.0), 50.0))), _MOST)


def features_of(strength: float, length: int) -> tuple[float, float]:
    """Return what a curve weighs."""
    least, most = _STRENGTHS
    shortest, longest = _LENGTHS
    return log(min(max(strength, least), most)), log(min(max(length, shortest), longest))


SERIES = Curve(base=-2.2, strength=0.39, length=0.36)
# between simulated systems, where one in fifty of those less than ten times as rare as asked is right, and
# recorded asd-omi-1, -4, smd-machine-1-6 and -3-4, where three in four are
ENTITY = Curve(base=-1.0, strength=0.45, length=0.0)
