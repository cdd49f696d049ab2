"""Queries of several signals in, one query out; its answer in, the answer of each signal out.

Each query's samples get a label that names the signal, so that ``or`` keeps all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from agent.collect.base import Answer
from agent.records import Doubt

_LABEL = "opsmend_signal"


def in_batches(queries: Mapping[str, str], size: int) -> Iterator[Mapping[str, str]]:
    """Yield the queries by so many."""
    left = iter(queries.items())
    while batch := dict(islice(left, size)):
        yield batch


def as_one(queries: Mapping[str, str]) -> str:
    """Return one expression for several, each of which must give an instant vector.

    >>> as_one({"a": "up", "b": "load1"})
    'label_replace(up, "opsmend_signal", "a", "", "") or label_replace(load1, "opsmend_signal", "b", "", "")'
    """
    return " or ".join(
        f'label_replace({query}, "{_LABEL}", "{signal}", "", "")' for signal, query in queries.items()
    )


def by_signal(answer: Answer, signals: Sequence[str]) -> dict[str, Answer]:
    """Return each signal's part of the answer to ``as_one``, without the label; all are partial, or none."""
    found: dict[str, tuple[list[dict[str, str]], list[float]]] = {signal: ([], []) for signal in signals}
    for labels, value in zip(answer.labels, answer.values, strict=True):
        own = dict(labels)
        all_labels, values = found[own.pop(_LABEL)]
        all_labels.append(own)
        values.append(value)
    doubts: dict[str, list[Doubt]] = {signal: [] for signal in signals}
    for doubt in answer.doubts:
        own = dict(doubt.labels)
        doubts[own.pop(_LABEL)].append(Doubt(own, doubt.why))
    return {
        signal: Answer(answer.at if values else 0.0, all_labels, values, answer.partial, doubts[signal])
        for signal, (all_labels, values) in found.items()
    }
