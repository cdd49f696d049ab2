"""Series in, the groups that get a model out: those of an entity, or of a host where these are small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent.records import Series

LEAST_SERIES = 2  # of a group: a series alone is what the layer for every series is for


def group_series(series: Sequence[Series]) -> Mapping[str, list[int]]:
    """Return the numbers of each group's series.

    An entity with too few series is judged together with the others of its kind on its host.
    """
    by_entity: dict[str, list[int]] = {}
    for number, one in enumerate(series):
        by_entity.setdefault(one.entity, []).append(number)
    groups = {entity: numbers for entity, numbers in by_entity.items() if len(numbers) >= LEAST_SERIES}
    left: dict[str, list[int]] = {}
    for entity, numbers in by_entity.items():
        host = series[numbers[0]].labels.get("host", "")
        if entity not in groups and host:
            left.setdefault(host, []).extend(numbers)
    for host, numbers in left.items():
        if host in groups:
            groups[host] = [*groups[host], *numbers]
        elif len(numbers) >= LEAST_SERIES:
            groups[host] = numbers
    return groups
