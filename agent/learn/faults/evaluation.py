"""What a model says of examples that it never saw in, how good that is out: figures for its manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from agent.learn.faults.examples import HEALTHY, Table
from agent.learn.faults.search import log_loss
from agent.records.metrics import FloatArray, IntArray

UNKNOWN = "unknown"
"""What a model says that is not sure enough of anything."""

SAID_FROM = 0.5  # probability from which a fault counts as named: from here on a voter is worth hearing
COST_OF_SILENCE = 0.3  # a person has to find out
COST_OF_ERROR = 1.0  # a repair of what is not broken, and a person has to find out as well
_BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class OfFault:
    """How well one fault is named: precision is None where it never was, recall where there was none."""

    fault: str
    examples: int
    precision: float | None
    recall: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Answers of about the same probability: the mean of it, and the share that proved right."""

    probability: float
    right: float
    examples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How good a model is on held-back examples.

    ``cost`` is the mean of what an answer costs (0 right, 0.3 silent or a fault missed, 1 wrong), ``silence``
    what saying nothing at all would have cost. ``calibration_error`` is the expected calibration error, in
    0..1. ``confusion`` is what it was (rows) by what was said (columns), both in the order of ``names``.
    """

    examples: int
    accuracy: float
    named: float
    cost: float
    silence: float
    log_loss: float
    calibration_error: float
    faults: Sequence[OfFault] = ()
    calibration: Sequence[Bin] = ()
    names: Sequence[str] = ()
    confusion: Sequence[Sequence[int]] = field(default=())


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """The figures of a model, and what each answer of it cost."""

    figures: Figures
    costs: FloatArray
    weights: FloatArray


def judge(said: FloatArray, table: Table, truths: Sequence[str]) -> Judged:
    """Judge probabilities, examples x faults of the table. ``truths`` names also what nobody learned."""
    best = said.argmax(axis=1)
    sure = said[np.arange(len(said)), best]
    named = sure >= SAID_FROM
    answers = [table.faults[code] if is_said else UNKNOWN for code, is_said in zip(best, named, strict=True)]
    costs = np.array([_cost(truth, answer) for truth, answer in zip(truths, answers, strict=True)])
    silent = np.array([_cost(truth, UNKNOWN) for truth in truths])
    names = _names(truths, answers)
    right = best == table.codes
    bins = _calibration(sure, right)
    figures = Figures(
        examples=len(table),
        accuracy=_mean(right & named, named),
        named=float(named.mean()) if len(named) else 0.0,
        cost=_weighted(costs, table.weights),
        silence=_weighted(silent, table.weights),
        log_loss=log_loss(said, table),
        calibration_error=sum(abs(one.probability - one.right) * one.examples for one in bins)
        / max(len(table), 1),
        faults=[_of_fault(name, truths, answers) for name in names if name != UNKNOWN],
        calibration=bins,
        names=names,
        confusion=_confusion(names, truths, answers),
    )
    return Judged(figures, costs, table.weights)


def is_better(one: Judged, other: Judged) -> bool:
    """Return whether a model costs less on the same examples than another, by more than chance would give.

    That is by more than one standard error of the differences; with equal costs the smaller loss counts.
    """
    differences = other.costs - one.costs
    mean = _weighted(differences, one.weights)
    if not differences.any():
        return one.figures.log_loss < 0.98 * other.figures.log_loss
    spread = float(np.sqrt(np.average((differences - mean) ** 2, weights=one.weights)))
    return bool(mean > spread / np.sqrt(len(differences)))


def _cost(truth: str, answer: str) -> float:
    if answer == truth:
        return 0.0
    if answer in (UNKNOWN, HEALTHY):
        return 0.0 if truth == HEALTHY else COST_OF_SILENCE
    return COST_OF_ERROR


def _weighted(values: FloatArray, weights: FloatArray) -> float:
    return float(np.average(values, weights=weights)) if weights.sum() else 0.0


def _mean(values: FloatArray, among: FloatArray) -> float:
    return float(values[among].mean()) if among.any() else 0.0


def _names(truths: Sequence[str], answers: Sequence[str]) -> list[str]:
    last = {HEALTHY: 1, UNKNOWN: 2}
    return sorted({*truths, *answers}, key=lambda name: (last.get(name, 0), name))


def _of_fault(name: str, truths: Sequence[str], answers: Sequence[str]) -> OfFault:
    was, said = sum(one == name for one in truths), sum(one == name for one in answers)
    both = sum(pair == (name, name) for pair in zip(truths, answers, strict=True))
    return OfFault(
        fault=name, examples=was, precision=both / said if said else None, recall=both / was if was else None
    )


def _calibration(sure: FloatArray, right: FloatArray) -> list[Bin]:
    places: IntArray = np.minimum((sure * _BINS).astype(np.intp), _BINS - 1)
    return [
        Bin(
            probability=float(sure[places == place].mean()),
            right=float(right[places == place].mean()),
            examples=int((places == place).sum()),
        )
        for place in np.unique(places).tolist()
    ]


def _confusion(names: Sequence[str], truths: Sequence[str], answers: Sequence[str]) -> list[list[int]]:
    number: Mapping[str, int] = {name: at for at, name in enumerate(names)}
    table = [[0] * len(names) for _ in names]
    for truth, answer in zip(truths, answers, strict=True):
        table[number[truth]][number[answer]] += 1
    return table
