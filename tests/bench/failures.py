"""How likely hosts of a simulated site fail within 1, 6 and 24 hours, beside the base rate.

``make bench-failures`` (SEED=100): 200 hosts, six signals every ten minutes with the course of a day,
deployments that move levels, and faults of four kinds, one every twelve days on each host: two have
precursors in a signal of their own, hours before, two have none. Some courses look like precursors, and
nothing comes of them. The foresight is trained on the first 45 days as the agent trains it; the 15 days after
only judge. Seed 1 was looked at while it was written.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np

from agent.learn.failures.features import STEP_S, deviations
from agent.learn.failures.model import Foresight
from agent.learn.failures.moments import HORIZONS, Moments, Occurrence, came, choose_moments
from agent.learn.failures.training import calibration, train_foresight
from agent.records import FloatArray
from tests.bench.table import show

HOSTS, TRAINED_DAYS, JUDGED_DAYS, EVERY_DAYS = 200, 45, 15, 12
KINDS = ("filling", "wearing", "sudden", "cut off")
PRECURSOR = {"filling": (0, 4.0, 20.0), "wearing": (1, 2.0, 8.0)}  # signal, hours before at least and at most
SIGNALS = 6
LASTS_S = 1200.0
_DAY = round(86_400 / STEP_S)
_HOUR = round(3600 / STEP_S)


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault on a host, and how many hours before it its precursor began."""

    kind: str
    host: int
    at: float
    ahead: float


class Site:
    """The courses of all hosts; ``history(signal)`` makes those of one signal."""

    def __init__(self, seed: int) -> None:
        self.chance = np.random.default_rng(seed)
        self.steps = (TRAINED_DAYS + JUDGED_DAYS) * _DAY
        self.faults = list(self._faults())
        self.lookalikes = [
            (
                int(self.chance.integers(HOSTS)),
                int(self.chance.integers(self.steps)),
                float(self.chance.uniform(4, 20)),
            )
            for _ in range(len(self.faults) // 8)
        ]

    def _faults(self) -> Iterator[Fault]:
        span = self.steps * STEP_S
        for host in range(HOSTS):
            at = float(self.chance.exponential(EVERY_DAYS * 86_400))
            while at < span:
                kind = KINDS[int(self.chance.integers(len(KINDS)))]
                _, least, most = PRECURSOR.get(kind, (0, 0.0, 0.0))
                yield Fault(kind, host, at, float(self.chance.uniform(least, most)))
                at += float(self.chance.exponential(EVERY_DAYS * 86_400)) + LASTS_S

    def history(self, signal: int) -> FloatArray:
        """Return hosts x steps."""
        time = np.arange(self.steps)
        phase = self.chance.uniform(0, 2 * np.pi, (HOSTS, 1))
        season = self.chance.uniform(0.5, 3, (HOSTS, 1)) * np.sin(2 * np.pi * time / _DAY + phase)
        values = 20 + season + self.chance.normal(0, 1, (HOSTS, self.steps))
        for host in range(HOSTS):  # deployments
            for step in self.chance.integers(self.steps, size=self.steps // (20 * _DAY)):
                values[host, step:] += self.chance.normal(0, 4)
        for fault in self.faults:
            if PRECURSOR.get(fault.kind, (-1,))[0] == signal:
                self._drift(values[fault.host], int(fault.at / STEP_S), fault.ahead, back=1)
        for host, step, ahead in self.lookalikes if signal in (0, 1) else ():
            self._drift(values[host], step, ahead, back=3 * _HOUR)
        return values

    def _drift(self, row: FloatArray, end: int, hours: float, back: int) -> None:
        begin = max(end - round(hours * _HOUR), 0)
        height = self.chance.uniform(5, 15)
        row[begin:end] += np.linspace(0, height, end - begin)
        fall = row[end : end + back]
        fall += np.linspace(height, 0, back)[: len(fall)]

    def occurrences(self) -> list[Occurrence]:
        """Return the faults as the store would tell them."""
        return [Occurrence(host=f"h{one.host}", begin=one.at, end=one.at + LASTS_S) for one in self.faults]


def main() -> None:
    """Train, judge, print."""
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    site = Site(seed)
    hosts = [f"h{number}" for number in range(HOSTS)]
    occurrences, cut = site.occurrences(), TRAINED_DAYS * 86_400.0
    known = [one for one in occurrences if one.begin < cut]
    early = choose_moments(hosts, 86_400, cut, known)
    grid = np.arange(cut, cut + JUDGED_DAYS * 86_400, 3600.0)
    late = Moments(
        hosts, np.repeat(np.arange(HOSTS), len(grid)), np.tile(grid, HOSTS), np.ones(HOSTS * len(grid))
    )
    seen, then = {}, {}
    for signal in range(SIGNALS):
        values = site.history(signal)
        for moments, columns in ((early, seen), (late, then)):
            found = deviations(values, np.arange(HOSTS), "high", moments, 0.0)
            columns |= found.columns(f"s{signal}")
    nothing = {horizon: np.full(len(early), np.nan) for horizon in HORIZONS}
    with tempfile.TemporaryDirectory() as folder:
        judged = train_foresight(early, seen, known, nothing, cut, Path(folder)).horizons
    rows = []
    for horizon, one in zip(HORIZONS, judged, strict=True):
        print(f"{_hours(horizon)}: {'worth asking' if one.worth_asking else 'not asked'}; {one.why}")
        if one.foresight is not None:
            rows.append(_judge(site, late, then, occurrences, horizon, one.foresight))
    show(
        f"{HOSTS} hosts, {len(known)} faults learned from, the {JUDGED_DAYS} days after, seed {seed}",
        [
            "within",
            "faults",
            "Brier",
            "base rate",
            "skill",
            "before faults with precursors",
            "without",
            "healthy",
        ],
        rows,
    )


def _judge(
    site: Site,
    late: Moments,
    columns: dict[str, FloatArray],
    occurrences: list[Occurrence],
    horizon: timedelta,
    foresight: Foresight,
) -> list[str]:
    end = float(late.at.max())
    truth = came(late, occurrences, horizon, end)
    said = foresight.probabilities(np.stack([columns[name] for name in foresight.features], axis=1))
    known = ~np.isnan(truth)
    brier, base = (
        np.mean((one[known] - truth[known]) ** 2) for one in (said, np.full(len(said), foresight.base))
    )
    show(
        f"calibration, within {_hours(horizon)}",
        ["said", "came", "moments"],
        [
            [f"{one.probability:.3f}", f"{one.came:.3f}", f"{one.moments:.0f}"]
            for one in calibration(said[known], truth[known], late.weight[known])
        ],
    )
    with_signs, without = (_hour_before(site, late, said, there) for there in (True, False))
    faults = sum(late.at.min() < one.begin <= end for one in occurrences)
    healthy = said[known & (truth == 0)]
    return [
        _hours(horizon), str(faults), f"{brier:.5f}", f"{base:.5f}", f"{1 - brier / base:.1%}",
        *(f"{np.mean(one):.3f}" for one in (with_signs, without, healthy)),
    ]  # fmt: skip


def _hour_before(site: Site, late: Moments, said: FloatArray, with_signs: bool) -> FloatArray:
    """Return what was said in the last hour before faults of kinds with precursors, or of those without."""
    found = []
    for one in site.faults:
        if (one.kind in PRECURSOR) is with_signs and one.at > late.at.min():
            found += said[(late.host == one.host) & (late.at < one.at) & (late.at >= one.at - 3600)].tolist()
    return np.array(found)


def _hours(span: timedelta) -> str:
    return f"{span / timedelta(hours=1):g} h"


if __name__ == "__main__":
    main()
