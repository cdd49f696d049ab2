"""Groups of candidates in, one list for each trouble out: a cause together with what shows elsewhere by it.

Two troubles that overlap stay two, also where something suffers from both: it goes to the one that began
nearest in time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from agent.diagnose.live.dependencies import Dependencies, names_of
from agent.records import Candidate

Group = Sequence[Candidate]
PassedOn = Callable[[Candidate, Candidate], bool]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def began(candidate: Candidate) -> datetime:
    """Return since when the first symptom of a candidate is there."""
    return min((symptom.since for symptom in candidate.symptoms), default=_EPOCH)


def split_by_cause(
    groups: Sequence[Group], dependencies: Dependencies, passed_on: PassedOn
) -> list[list[Candidate]]:
    """Put every group to the cause it comes from; ``passed_on`` says whether an effect comes from a cause."""
    causes = _causes(groups, dependencies, passed_on)
    since = [min((began(one) for one in group), default=_EPOCH) for group in groups]
    roots = [_root_of(number, causes, since) for number in range(len(groups))]
    together: dict[int, list[Candidate]] = defaultdict(list)
    for number, group in enumerate(groups):
        together[roots[number]].extend(group)
    return list(together.values())


def _causes(groups: Sequence[Group], dependencies: Dependencies, passed_on: PassedOn) -> list[set[int]]:
    """Return for each group the groups it may come from; found by name, for a storm brings thousands."""
    owners: dict[str, set[int]] = defaultdict(set)
    for number, group in enumerate(groups):
        for candidate in group:
            for name in names_of(candidate):
                owners[name].add(number)
    causes: list[set[int]] = []
    for number, group in enumerate(groups):
        near = {
            other
            for effect in group
            for name in names_of(effect)
            for target in dependencies.reach(name)
            for other in owners.get(target, ())
        }
        causes.append(
            {
                other
                for other in near - {number}
                if any(passed_on(effect, cause) for effect in group for cause in groups[other])
            }
        )
    return causes


def _root_of(number: int, causes: Sequence[set[int]], since: Sequence[datetime]) -> int:
    """Return the group at the end of the chain of causes: of several the one nearest in time.

    In a circle of groups that blame each other the one that began first is it.
    """
    seen, newest = {number}, {number}
    while newest:
        newest = {cause for one in newest for cause in causes[one]} - seen
        seen |= newest
    roots = [one for one in seen if not causes[one]]
    if roots:
        return min(roots, key=lambda one: (abs(since[one] - since[number]), one))
    return min(seen, key=lambda one: (since[one], one))
