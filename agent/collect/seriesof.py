"""A signal and the labels of its samples in, the series that they are samples of out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from agent.config.conditions import labels_fit
from agent.config.rulefiles import Signal
from agent.instance import with_host
from agent.placeholders import fill
from agent.records import Series


def combined(signal: Signal, labels: Sequence[Mapping[str, str]]) -> Iterable[Mapping[str, str] | None]:
    """Return what each series counts as: itself, what it shares with others, or None beside the first."""
    if signal.combine is None:
        return labels
    by, where = signal.combine.by, signal.combine.where
    named = [with_host(without_name(one)) for one in labels]
    alike = [
        {name: one[name] for name in by if name in one} if labels_fit(one, where) else None for one in named
    ]
    if signal.combine.take != "first":
        return [one if own is None else own for one, own in zip(labels, alike, strict=True)]
    firsts: dict[frozenset[tuple[str, str]], int] = {}
    for place in sorted(range(len(named)), key=lambda place: _length_and_text(named[place])):
        own = alike[place]
        if own is not None:
            firsts.setdefault(frozenset(own.items()), place)
    chosen = set(firsts.values())
    return [one if place in chosen or alike[place] is None else None for place, one in enumerate(labels)]


def _length_and_text(labels: Mapping[str, str]) -> tuple[int, list[tuple[str, str]]]:
    return sum(map(len, labels.values())), sorted(labels.items())


def describe_series(signal: Signal, labels: Mapping[str, str]) -> Series:
    """Return one series of a signal, with its host and the entity that the signal's template names."""
    own = with_host(without_name(labels))
    try:
        entity = fill(signal.entity, own)
    except KeyError:
        entity = own.get("host") or own.get("instance", "")
    return Series(signal.id, entity or signal.id, own, signal.unit)


def without_name(labels: Mapping[str, str]) -> dict[str, str]:
    """Return labels without the name of the metric, which an expression may have lost or not."""
    return {name: value for name, value in labels.items() if name != "__name__"}
