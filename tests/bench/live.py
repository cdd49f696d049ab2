"""How often the layer for every series tells of an entity in vain, poll by poll as the agent does.

``make bench-live`` (DATA=folder). Simulated entities of a dozen series and of 38, with all that makes false
alarms on real ones and faults put in; with DATA the recorded entities of the folder too: their healthy part
from the fourth day on, and the part with labels. A fault counts as found when an anomaly of its entity is
open during it, an alarm as false when it begins neither in a fault nor within five samples after one.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import numpy as np

from agent.collect.metricsfile import read_metrics
from tests.bench.detect import labels_of
from tests.bench.polled import polled
from tests.bench.simulated import DAY_S, FIRST_DAY
from tests.bench.simulatedentities import DAYS, LEARNT, make_entity
from tests.bench.table import show

SIMULATED = {12: 36, 38: 24}  # how many entities, by the number of their series
SEED = 3000
AFTER = 5  # samples: what a fault leaves behind
YOUNG_DAYS = 3.0  # that a recorded entity is watched before its alarms are counted


@dataclass(frozen=True, eq=False)
class Watched:
    """Where an entity was alarming, which rows are faulty, and the share of a day that a row is."""

    alarming: np.ndarray
    label: np.ndarray
    day: float

    @property
    def false_per_day(self) -> float:
        """Return how often an alarm began that no fault explains."""
        begins = np.flatnonzero(np.diff(np.concatenate([[False], self.alarming]).astype(int)) == 1)
        explained = self.label.copy()
        for first, last in self.faults:
            explained[first : last + AFTER] = True
        return float((~explained[begins]).sum()) / (len(self.label) * self.day)

    @property
    def faults(self) -> list[tuple[int, int]]:
        """Return the first row of each fault, and the row after its last."""
        edges = np.diff(np.concatenate([[0], self.label.astype(int), [0]]))
        return list(zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True))

    @property
    def found(self) -> int:
        """Return how many faults an alarm was open in."""
        return sum(bool(self.alarming[first : last + AFTER].any()) for first, last in self.faults)


def watch(entities: Sequence[np.ndarray], times: np.ndarray) -> list[np.ndarray]:
    """Poll entities (series x rows); return where each was alarming."""
    alarming = np.zeros((len(entities), len(times)), bool)
    for row, found in polled(entities, times):
        for one in found:
            alarming[int(one.entity), row] = True
    return list(alarming)


def simulated(series: int, step_s: int) -> list[Watched]:
    """Watch the simulated entities that are polled so often; their second half is judged."""
    made = [make_entity(seed, series) for seed in range(SEED, SEED + SIMULATED[series])]
    chosen = [(values, label) for values, label, step in made if step == step_s]
    times = FIRST_DAY + step_s * np.arange(len(chosen[0][1]), dtype=float)
    half = int(LEARNT * len(times))
    alarming = watch([values.T for values, _ in chosen], times)
    return [
        Watched(open_[half:], label[half:], step_s / DAY_S)
        for open_, (_, label) in zip(alarming, chosen, strict=True)
    ]


def recorded(case: Path) -> tuple[str, Watched, Watched]:
    """Watch a recorded entity; return its kind, its healthy part, and that with labels."""
    parts = [read_metrics(case / name).frame for name in ("train.csv.gz", "test.csv.gz")]
    times = np.concatenate([part.times for part in parts])
    values = np.concatenate([part.values for part in parts], axis=1)
    step_s = float(np.median(np.diff(times)))
    labels = labels_of(case)
    (alarming,) = watch([values], times)
    young, learnt = int(YOUNG_DAYS * DAY_S / step_s), len(parts[0].times)
    label = np.array([labels.get(at, 0) == 1 for at in times[learnt:].tolist()])
    return (
        f"recorded, {len(values)} series",
        Watched(alarming[young:learnt], np.zeros(learnt - young, bool), step_s / DAY_S),
        Watched(alarming[learnt:], label, step_s / DAY_S),
    )


def row(name: str, some: Sequence[Watched]) -> list[str]:
    """Return a line of the table."""
    false = [one.false_per_day for one in some]
    faults, found = sum(len(one.faults) for one in some), sum(one.found for one in some)
    return [
        name,
        str(len(some)),
        f"{mean(false):.2f}",
        f"{max(false):.2f}",
        f"{sum(one <= 1 for one in false)} of {len(false)}",
        f"{found} of {faults}" if faults else "",
        f"{mean(one.alarming.mean() for one in some):.3f}",
    ]


def tables(data: Path | None) -> Iterator[list[str]]:
    """Yield the lines of the table."""
    with ProcessPoolExecutor(2) as pool:
        cases = sorted(data.glob("multivariate/*/")) if data else []
        real = [pool.submit(recorded, case) for case in cases]
        for series in SIMULATED:
            parts = pool.map(simulated, [series] * len(DAYS), DAYS)
            yield row(f"simulated, {series} series", [one for part in parts for one in part])
        done = [one.result() for one in real]
    for kind in dict.fromkeys(kind for kind, _, _ in done):
        yield row(f"{kind}: healthy", [one for name, one, _ in done if name == kind])
        yield row(f"{kind}: with labels", [one for name, _, one in done if name == kind])


def main() -> None:
    """Print the table."""
    began = time.monotonic()
    data = Path(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1] else None
    columns = ["entities", "number", "false/day", "at most", "≤ 1", "faults found", "open"]
    show("the layer for every series, poll by poll", columns, list(tables(data)))
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
