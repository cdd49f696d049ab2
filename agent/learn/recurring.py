"""Incidents that nobody could name in, those that show the same out: found by what they have in common.

Average linkage (Sokal and Michener 1958): the two groups whose members are on the average most alike become
one, until none are alike enough. What shows exactly the same is one item from the start.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from agent.records.cases import Fingerprint

ALIKE = 0.6
"""What the members of a group have in common, on the average, of what either shows."""
NEARLY_ALL = 0.8
"""The share of a group that shows what is said to be common to it."""
MOST_KINDS = 100
"""Different fingerprints that are compared; the rest of them, the rarest, is left out."""
_SAME_OCCASION = timedelta(hours=1)

Key = TypeVar("Key")
Similarity = Callable[[Fingerprint, Fingerprint], float]


def groups_of(shown: Mapping[Key, Fingerprint], similarity: Similarity) -> list[list[Key]]:
    """Return groups of keys whose fingerprints are alike, the largest first; one alone is a group too."""
    same: dict[frozenset[tuple[str, float]], list[Key]] = defaultdict(list)
    for key, fingerprint in shown.items():
        if fingerprint:
            same[frozenset(fingerprint.items())].append(key)
    kinds = sorted(same.values(), key=len, reverse=True)[:MOST_KINDS]
    alike = [[similarity(shown[one[0]], shown[other[0]]) for other in kinds] for one in kinds]
    groups = [[number] for number in range(len(kinds))]
    while len(groups) > 1:
        best, one, other = max(
            (_average(alike, groups[i], groups[j]), -i, -j) for i in range(len(groups)) for j in range(i)
        )
        if best < ALIKE:
            break
        groups[-other] += groups.pop(-one)
    members = [[key for number in group for key in kinds[number]] for group in groups]
    return sorted(members, key=len, reverse=True)


def shared(fingerprints: Sequence[Fingerprint]) -> dict[str, float]:
    """Return the features that nearly all have, each as clearly as where it is least clear."""
    least: dict[str, list[float]] = defaultdict(list)
    for one in fingerprints:
        for name, clarity in one.items():
            least[name].append(clarity)
    wanted = NEARLY_ALL * len(fingerprints)
    return {name: min(found) for name, found in sorted(least.items()) if len(found) >= wanted}


def occasions(times: Sequence[datetime]) -> int:
    """Return at how many times something came: what is an hour or less after another is of the same."""
    count, last = 0, None
    for at in sorted(times):
        count += last is None or at - last > _SAME_OCCASION
        last = at
    return count


def _average(alike: Sequence[Sequence[float]], one: Sequence[int], other: Sequence[int]) -> float:
    return sum(alike[i][j] for i in one for j in other) / (len(one) * len(other))
