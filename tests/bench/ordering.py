"""In which order remediations are tried: regret over 1,000 incidents with 10 remediations, by rule.

Each remediation heals with a probability of its own; an incident goes through them in order until one
does. The regret counts the tries that failed beyond those of the best fixed order by the probabilities
of that time. In half of the worlds all probabilities are drawn anew in the middle. What the agent does is
``expected``; Thompson sampling on the same records, the plain share of successes, and chance stand beside
it. The memory was chosen on seeds 0 to 11.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Sequence

from agent.decide.ordering import MEMORY, standing_of
from tests.bench.table import show

INCIDENTS, REMEDIATIONS = 1000, 10
_LOOKED_AT = 200  # runs of each, as the store gives them

Rule = Callable[[Sequence[list[bool]], random.Random], list[float]]


def expected(memory: float = MEMORY) -> Rule:
    """Rank by the expected success, as the agent does."""
    return lambda past, _: [standing_of(one, memory).expected for one in past]


def thompson(memory: float = MEMORY) -> Rule:
    """Draw from the posterior of each, with the same prior."""

    def draw(past: Sequence[list[bool]], rng: random.Random) -> list[float]:
        standings = [standing_of(one, memory) for one in past]
        good = [(one.lately_healed, one.lately - one.lately_healed) for one in standings]
        return [rng.betavariate(1.5 + healed, 0.5 + failed) for healed, failed in good]

    return draw


RULES: dict[str, Rule] = {
    "expected (the agent)": expected(),
    "expected, forgets nothing": expected(1.0),
    "Thompson": thompson(),
    "Thompson, forgets nothing": thompson(1.0),
    "greedy share of successes": lambda past, _: [sum(one) / len(one) if one else 0.0 for one in past],
    "random": lambda past, rng: [rng.random() for _ in past],
}


def regret(rule: Rule, changes: bool, seed: int, incidents: int = INCIDENTS) -> int:
    """Return how many more tries failed than in the best fixed order."""
    world, chance = random.Random(seed), random.Random(seed + 1_000_000)
    first, then = ([world.betavariate(2, 2) for _ in range(REMEDIATIONS)] for _ in range(2))
    past: list[list[bool]] = [[] for _ in first]
    lost = 0
    for number in range(incidents):
        heals = then if changes and number >= incidents // 2 else first
        would = [world.random() < one for one in heals]
        scores = rule(past, chance)
        order = sorted(range(REMEDIATIONS), key=lambda one: (-scores[one], one))
        best = sorted(range(REMEDIATIONS), key=lambda one: -heals[one])
        lost += failed_before(order, would) - failed_before(best, would)
        for one in order:
            past[one] = [would[one], *past[one][: _LOOKED_AT - 1]]
            if would[one]:
                break
    return lost


def failed_before(order: Sequence[int], would: Sequence[bool]) -> int:
    """Return how many tries fail in an order before one heals."""
    return next((place for place, one in enumerate(order) if would[one]), len(order))


def main() -> None:
    """Print the table."""
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    rows = []
    for name, rule in RULES.items():
        row = [name]
        for changes in (False, True):
            found = sorted(regret(rule, changes, seed + one) for one in range(count))
            row += [f"{sum(found) / count:.0f}", str(found[-1])]
        rows.append(row)
    title = f"Failed tries beyond the best fixed order, {INCIDENTS} incidents, {REMEDIATIONS} remediations"
    show(title, ["rule", "steady: mean", "worst", "changes: mean", "worst"], rows)


if __name__ == "__main__":
    main()
