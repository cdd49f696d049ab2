"""What kinds of anomalies are found, what they are called, and how far a confidence can be relied on.

``make bench-kinds``. Simulated series (``simulated``) are judged poll by poll. A table says what each kind
was called at its end; others, of those verdicts that were called so sure or are so strong, how many were
right: that there was an anomaly, and that it was of the kind named. ``--fit`` prints the constants for
``agent/detect/confidence.py``, from other seeds than those of the tables.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from agent.detect.confidence import ENTITY, SERIES, Curve, features_of
from agent.records.findings import KINDS
from tests.bench.polled import polled
from tests.bench.simulated import DAY_S, FIRST_DAY, SHAPES, System, fitting, make_system
from tests.bench.table import show

DAYS = 18
STEP_S = 60
LEARNING_DAYS = 3
Told = tuple[Curve, float, int]  # what a confidence is made from: strength, length
GRACE_ROWS = 10  # after its end, in which an anomaly may still be called one


@dataclass
class Verdict:
    """What was said of an entity at a row: kind, confidence, and how many times as rare as asked it is."""

    row: int
    kind: str
    confidence: float
    strength: float


@dataclass
class Judged:
    """A system, and what was said of it, row by row where something was anomalous."""

    system: System
    step_s: int
    verdicts: list[Verdict] = field(default_factory=list)

    def episodes(self) -> list[list[Verdict]]:
        """Return verdicts that follow each other as one."""
        parts: list[list[Verdict]] = []
        for verdict in self.verdicts:
            if parts and verdict.row - parts[-1][-1].row <= 5:
                parts[-1].append(verdict)
            else:
                parts.append([verdict])
        return parts

    def truth(self, row: int) -> str:
        """Return the kind of the anomaly at a row, or nothing."""
        for event in self.system.events:
            if event.first <= row < event.last + GRACE_ROWS:
                return event.kind
        return ""


def systems(step_s: int, spike_rows: tuple[int, int], seed: int, rounds: int) -> list[System]:
    """Make systems of every shape, with each kind that fits and without any."""
    made = []
    for turn in range(rounds):
        for number, name in enumerate(SHAPES):
            kinds = fitting(name)
            own = seed + 1000 * turn + 10 * number
            for part in range(0, len(kinds), 2):
                made.append(make_system(name, DAYS, step_s, own + part, kinds[part : part + 2], spike_rows))
            made.append(make_system(name, DAYS, step_s, own + 8, ["correlated_shift"], spike_rows))
            made.append(make_system(name, DAYS, step_s, own + 9, [], spike_rows))
    return made


def judge(some: Sequence[System]) -> list[Judged]:
    """Judge all of them poll by poll, as the agent does."""
    done = [Judged(system, STEP_S) for system in some]
    times = FIRST_DAY + STEP_S * np.arange(some[0].values.shape[1], dtype=float)
    for row, found in polled([system.values for system in some], times):
        strongest: dict[str, Verdict] = {}
        for one in found:
            known = strongest.get(one.entity)
            if known is None or one.confidence > known.confidence:
                strongest[one.entity] = Verdict(row, one.kind, one.confidence, one.score)
        for entity, verdict in strongest.items():
            done[int(entity)].verdicts.append(verdict)
    return done


def confusion(title: str, judged: Sequence[Judged]) -> None:
    """Print what each kind was called at its end, and how often there was an alarm for nothing."""
    called: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    for one in judged:
        for event in one.system.events:
            during = [v for v in one.verdicts if event.first <= v.row < event.last + GRACE_ROWS]
            inside = [v for v in during if v.row < event.last] or during
            called[event.kind][inside[-1].kind if inside else ""] += 1
    rows = []
    for kind in KINDS:
        total = max(sum(called[kind].values()), 1)
        rows.append([kind, str(total), *(str(called[kind][other] or "") for other in KINDS)])
        rows[-1] += [str(called[kind][""] or ""), f"{called[kind][kind] / total:.2f}"]
    show(title, ["true kind", "all", *(kind[:8] for kind in KINDS), "missed", "right"], rows)
    false, days = Counter[str](), Counter[str]()
    for one in judged:
        first = LEARNING_DAYS * DAY_S // one.step_s
        days[one.system.shape] += DAYS - LEARNING_DAYS
        for episode in one.episodes():
            if episode[0].row >= first and not any(one.truth(v.row) for v in episode):
                false[one.system.shape] += 1
    show(
        "alarms where nothing was, per entity and day, from the fourth day on",
        [*SHAPES, "all"],
        [[f"{false[name] / days[name]:.3f}" for name in SHAPES] + [f"{false.total() / days.total():.3f}"]],
    )


def samples(judged: Sequence[Judged]) -> Iterator[tuple[Verdict, bool, bool]]:
    """Yield verdicts, whether there was an anomaly, and whether it was of that kind, along each episode.

    An episode is looked at when it has lasted for 1, 2, 4, 8… rows, so that a long one does not count for
    more than some short ones.
    """
    for one in judged:
        for episode in one.episodes():
            place = 0
            while place < len(episode):
                verdict = episode[place]
                place = 2 * place + 1
                if verdict.row < LEARNING_DAYS * DAY_S // one.step_s:
                    continue  # nothing was put there yet
                truth = one.truth(verdict.row)
                yield verdict, bool(truth), truth == verdict.kind


def reliability(title: str, judged: Sequence[Judged]) -> None:
    """Print, of those verdicts that were called so sure, how many were right."""
    told = np.array([(one.confidence, *right) for one, *right in samples(judged)], float).reshape(-1, 3)
    rows = []
    edges = [0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 1.001]
    for low, high in pairwise(edges):
        some = told[(told[:, 0] >= low) & (told[:, 0] < high)]
        if len(some):
            means = [f"{value:.2f}" for value in some.mean(0)]
            rows.append([f"{low:.1f} to {min(high, 1):.1f}", str(len(some)), *means])
    show(title, ["confidence", "verdicts", "mean confidence", "an anomaly", "of this kind"], rows)
    print(f"Brier score {((told[:, 0] - told[:, 1]) ** 2).mean():.3f}")


def by_strength(title: str, judged: Sequence[Judged]) -> None:
    """Print confidence and how many were right by how strong an anomaly is."""
    rows = []
    taken = [(one, right) for one, right, _ in samples(judged)]
    for low, high in pairwise([0, 1.5, 3, 10, 100, 1e9]):
        some = [(one.confidence, right) for one, right in taken if low <= one.strength < high]
        if some:
            rows.append(
                [f"{low:g} to {high:g}", str(len(some)), *(f"{mean:.2f}" for mean in np.mean(some, 0))]
            )
    show(title, ["times as rare as asked", "verdicts", "mean confidence", "an anomaly"], rows)


def noted(made: Sequence[System]) -> tuple[Sequence[Judged], Sequence[Told]]:
    """Judge systems while confidences are numbers of what they are made from; return both."""
    told: list[Told] = []

    def note(self: Curve, strength: float, length: int) -> float:
        told.append((self, strength, length))
        return float(len(told) - 1)

    at, Curve.at = Curve.at, note  # type: ignore[method-assign]
    try:
        return judge(made), told
    finally:
        Curve.at = at  # type: ignore[method-assign]


def fit(made: Sequence[System]) -> None:
    """Print the constants of curves whose weights are not negative, fitted to what is found."""
    judged, told = noted(made)
    found = [(told[round(one.confidence)], right) for one, right, _ in samples(judged)]
    for name, own in (("SERIES", SERIES), ("ENTITY", ENTITY)):
        _fit_one(name, [(one, right) for (curve, *one), right in found if curve is own])


def _fit_one(name: str, pairs: Sequence[tuple[Sequence[Any], bool]]) -> None:
    from scipy.optimize import minimize

    inputs = np.array([[1.0, *features_of(*one)] for one, _ in pairs])
    right = np.array([float(right) for _, right in pairs])

    def loss(weights: np.ndarray) -> float:
        evidence = inputs @ weights
        return float(np.mean(np.logaddexp(0, evidence) - right * evidence) + 1e-3 * (weights[1:] ** 2).sum())

    bounds = [(None, None)] + [(0.0, None)] * (inputs.shape[1] - 1)
    base, strength, length = minimize(loss, np.zeros(inputs.shape[1]), bounds=bounds).x.round(2)
    print(f"{name} = Curve({base=}, {strength=}, {length=})  # {len(right)} verdicts")


def main() -> None:
    """Judge and print."""
    wanted = [int(word) for word in sys.argv[1:] if word.isdigit()]
    rounds, seed = (*wanted, *(3, 0)[len(wanted) :])
    if "--fit" in sys.argv:
        fit(systems(STEP_S, (3, 6), seed + 10_000_000, rounds))
        return
    began = time.process_time()
    made = systems(STEP_S, (3, 6), seed, rounds)
    judged = judge(made)
    confusion("poll by poll, as the agent does", judged)
    reliability("poll by poll", judged)
    by_strength("by strength", judged)
    print(f"{time.process_time() - began:.0f} s")


if __name__ == "__main__":
    main()
