"""What kinds of anomalies are found, what they are called, and how far a confidence can be relied on.

``make bench-kinds``. Simulated series (``simulated``) are judged twice: as ``opsmend detect`` judges a
file, and poll by poll as the agent does. A table says what each kind was called at its end; another, of
those verdicts that were called so sure, how many were right: that there was an anomaly, and that it was of
the kind named. ``--fit`` prints the constants for ``agent/detect/confidence.py``, from other seeds than
those of the tables.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from agent.detect.confidence import Curve
from agent.detect.history import detect_history
from agent.detect.kinds import KINDS
from agent.records import Frame, Series
from tests.bench.polled import frame_at, polled
from tests.bench.simulated import DAY_S, FIRST_DAY, SHAPES, System, fitting, make_system
from tests.bench.table import show

DAYS = 18
LIVE_STEP_S, FILE_STEP_S = 60, 300
LEARNING_DAYS = 3
GRACE_ROWS = 10  # after its end, in which an anomaly may still be called one


@dataclass
class Verdict:
    """What was said of an entity at one row: a kind, a confidence, and what it came from."""

    row: int
    kind: str
    confidence: float


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


def judge_file(some: Sequence[System]) -> list[Judged]:
    """Judge each as ``opsmend detect`` judges a file."""
    done = []
    for system in some:
        judged = Judged(system, FILE_STEP_S)
        (verdicts,) = detect_history(_file_frame(system))
        for row in np.flatnonzero(verdicts.anomalous).tolist():
            judged.verdicts.append(Verdict(row, verdicts.kind[row], float(verdicts.confidence[row])))
        done.append(judged)
    return done


def _file_frame(system: System) -> Frame:
    times = FIRST_DAY + FILE_STEP_S * np.arange(system.values.shape[1], dtype=float)
    series = [Series(f"m{row}", "e", {}) for row in range(len(system.values))]
    return frame_at(
        times, system.values, series, {one.signal: np.array([row]) for row, one in enumerate(series)}
    )


def judge_live(some: Sequence[System]) -> list[Judged]:
    """Judge all of them poll by poll, as the agent does."""
    done = [Judged(system, LIVE_STEP_S) for system in some]
    times = FIRST_DAY + LIVE_STEP_S * np.arange(some[0].values.shape[1], dtype=float)
    for row, found in polled([system.values for system in some], times):
        strongest: dict[str, Verdict] = {}
        for one in found:
            known = strongest.get(one.entity)
            if known is None or one.confidence > known.confidence:
                strongest[one.entity] = Verdict(row, one.kind, one.confidence)
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


def samples(judged: Sequence[Judged]) -> Iterator[tuple[float, bool, bool]]:
    """Yield confidence, whether there was an anomaly, and whether it was of that kind, along each episode.

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
                yield verdict.confidence, bool(truth), truth == verdict.kind


def reliability(title: str, judged: Sequence[Judged]) -> None:
    """Print, of those verdicts that were called so sure, how many were right."""
    told = np.array(list(samples(judged)), float).reshape(-1, 3)
    rows = []
    edges = [0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 1.001]
    for low, high in pairwise(edges):
        some = told[(told[:, 0] >= low) & (told[:, 0] < high)]
        if len(some):
            means = [f"{value:.2f}" for value in some.mean(0)]
            rows.append([f"{low:.1f} to {min(high, 1):.1f}", str(len(some)), *means])
    show(title, ["confidence", "verdicts", "mean confidence", "an anomaly", "of this kind"], rows)
    print(f"Brier score {((told[:, 0] - told[:, 2]) ** 2).mean():.3f}")


def fit(name: str, judge: Callable[[], Sequence[Judged]]) -> None:
    """Print the constants of a curve, fitted to what ``judge`` finds.

    While it judges, the curve gives out numbers instead of probabilities: by them it is known afterwards what
    each verdict was made from.
    """
    from sklearn.linear_model import LogisticRegression

    told: list[tuple[str, float, int, float]] = []

    def note(
        self: Curve, kind: str, strength: float, length: int, clear: float, mature: bool = True
    ) -> float:
        told.append((kind, strength, length, clear))
        return float(len(told) - 1)

    at, Curve.at = Curve.at, note  # type: ignore[method-assign]
    try:
        judged = judge()
    finally:
        Curve.at = at  # type: ignore[method-assign]
    inputs, right = [], []
    for number, _, of_kind in samples(judged):
        kind, strength, length, clear = told[int(number)]
        flags = [float(kind == one) for one in KINDS]
        inputs.append([np.log(min(max(strength, 1e-3), 1e6)), np.log(max(length, 1)), clear, *flags])
        right.append(of_kind)
    model = LogisticRegression(C=1.0, max_iter=1000).fit(np.array(inputs), np.array(right))
    strength, length, clear, *kinds = model.coef_[0].round(2).tolist()
    print(f"{name} = Curve(base={model.intercept_[0]:.2f}, {strength=}, {length=}, {clear=},")
    print(f"    kinds={dict(zip(KINDS, kinds, strict=True))})  # {len(right)} verdicts")


def main() -> None:
    """Judge and print."""
    wanted = [int(word) for word in sys.argv[1:] if word.isdigit()]
    rounds, seed = (*wanted, *(3, 0)[len(wanted) :])
    if "--fit" in sys.argv:
        fit("LIVE", lambda: judge_live(systems(LIVE_STEP_S, (3, 6), seed + 10_000_000, rounds)))
        fit("FILE", lambda: judge_file(systems(FILE_STEP_S, (1, 3), seed + 20_000_000, rounds)))
        return
    began = time.process_time()
    live = judge_live(systems(LIVE_STEP_S, (3, 6), seed, rounds))
    confusion("poll by poll, as the agent does", live)
    reliability("poll by poll", live)
    file = judge_file(systems(FILE_STEP_S, (1, 3), seed + 500_000, rounds))
    confusion("as opsmend detect judges a file", file)
    reliability("as opsmend detect judges a file", file)
    print(f"{time.process_time() - began:.0f} s")


if __name__ == "__main__":
    main()
