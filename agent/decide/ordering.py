"""What came of remediations for one fault in, which of those that fit is tried first out.

What people say by ``priority`` stands above the figures unless these are clear. Among equals the greater
expected success goes first: the mean of a Beta posterior in which a run counts less with every later one
of the same remediation. What fails is followed by the next one in the same incident, so that all that is
better is found without drawing by chance: ``make bench-ordering`` puts this beside Thompson sampling.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from agent.quantity import wilson_interval
from agent.records import Trial

MEMORY = 0.9
"""What a run counts after a later one of the same remediation: about ten runs are remembered."""
_PRIOR_HEALED, _PRIOR_FAILED = 1.5, 0.5  # before it was ever tried: three successes in four, worth two runs
_CLEARLY = 0.9  # this probable that one heals more often than another
_FEWEST = 3  # runs without which nothing is clear


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What came of a remediation for a fault on one kind of host.

    ``healed`` of ``tried`` runs in all, and of late ``lately_healed`` of ``lately``, in which old runs
    count in part.
    """

    healed: int = 0
    tried: int = 0
    lately_healed: float = 0.0
    lately: float = 0.0

    @property
    def expected(self) -> float:
        """Return how probable it is in 0..1 that it heals the next time."""
        return self._moments[0]

    @property
    def interval(self) -> tuple[float, float]:
        """Return between which bounds its success of late lies, eight times in ten."""
        return wilson_interval(self.lately_healed, self.lately)

    @property
    def text(self) -> str:
        """Return it in words."""
        if not self.tried:
            return "no record yet"
        low, high = self.interval
        share = self.lately_healed / self.lately
        return f"helped {self.healed} of {self.tried} times, of late {share:.0%} ({low:.0%} to {high:.0%})"

    def is_clearly_better(self, other: Standing) -> bool:
        """Return whether it is nine times in ten sure that this one heals more often than another.

        By the normal approximation of both posteriors. Of what was hardly tried nothing is clear.
        """
        if min(self.tried, other.tried) < _FEWEST:
            return False
        (mean, variance), (other_mean, other_variance) = self._moments, other._moments
        z = (mean - other_mean) / math.sqrt(variance + other_variance)
        return 0.5 * (1.0 + math.erf(z / math.sqrt(2.0))) >= _CLEARLY

    @property
    def _moments(self) -> tuple[float, float]:
        """Return mean and variance of the posterior."""
        good = _PRIOR_HEALED + self.lately_healed
        bad = _PRIOR_FAILED + self.lately - self.lately_healed
        mean = good / (good + bad)
        return mean, mean * (1.0 - mean) / (good + bad + 1.0)


def standing_of(healed: Sequence[bool], memory: float = MEMORY) -> Standing:
    """Return what came of runs, given newest first."""
    weights = [memory**age for age in range(len(healed))]
    return Standing(
        healed=sum(healed),
        tried=len(healed),
        lately_healed=sum(weight for weight, good in zip(weights, healed, strict=True) if good),
        lately=sum(weights),
    )


def outcomes(trials: Sequence[Trial], fault: str, groups: Collection[str] = ()) -> list[bool]:
    """Return what came of the trials of a fault on hosts of one kind that say anything, in their order."""
    return [
        one.healed
        for one in trials
        if one.healed is not None and one.fault == fault and same_kind(one.groups, groups)
    ]


def same_kind(one: Collection[str], other: Collection[str]) -> bool:
    """Return whether hosts are of one kind: they share a group, or of either no group is known."""
    return not one or not other or not set(one).isdisjoint(other)
