"""What the detector says of hosts that it has watched for two days and less, and which faults it finds there.

``make bench-young DATA=folder`` (WINDOWS=3 SEED=11). Random spans of the healthy time of recorded machines
are replayed as if watching began there: the share of their time that is called anomalous should be small, and
a step of six spreads in 1, 4 or 10 series, two hours in, should be found within twenty samples. One row
without the half hours by which young rows are placed. asd-omi-1, asd-omi-4, smd-machine-1-6 and -3-4 chose;
the others only judge (JUDGE=1).
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import numpy as np

from agent.collect.metricsfile import read_metrics
from agent.detect.replay import Replay
from agent.detect.returns import ReturnPeriods
from agent.records import Frame
from tests.bench.table import show

WINDOWS, SEED = int(os.environ.get("WINDOWS", "3")), int(os.environ.get("SEED", "11"))
CHOSE = ("asd-omi-1", "asd-omi-4", "smd-machine-1-6", "smd-machine-3-4")
JUDGED = ("asd-omi-2", "asd-omi-5", "smd-machine-2-1", "smd-machine-2-8")
HOURS = (0.0, 6.0, 12.0, 24.0, 48.0)
_WARM_UP, _FAULT_AT, _SHORT = 40, 120, 180
_FAULTY = (1, 4, 10)


def spans(frame: Frame, length: int, chance: random.Random) -> Iterator[Frame]:
    """Return random parts of a history."""
    for _ in range(WINDOWS):
        first = chance.randrange(len(frame.times) - length)
        part = slice(first, first + length)
        yield replace(frame, times=frame.times[part], values=np.ascontiguousarray(frame.values[:, part]))


def anomalous(frame: Frame) -> np.ndarray:
    (verdicts,) = Replay(frame).run()
    return verdicts.anomalous


def broken(frame: Frame, count: int, chance: random.Random) -> Frame:
    """Lift or lower some series by six of their spreads."""
    values = frame.values.copy()
    for row in chance.sample(range(len(values)), min(count, len(values))):
        before = values[row, :_FAULT_AT]
        spread = max(float(np.nanstd(before)), 0.02 * abs(float(np.nanmean(before))), 1e-6)
        values[row, _FAULT_AT:] += 6 * spread * chance.choice([1, 1, -1])
    return replace(frame, values=values)


def measure(name: str, files: Sequence[Path]) -> list[str]:
    """Return a line of the table."""
    chance, shares, found, count = random.Random(SEED), [], dict.fromkeys(_FAULTY, 0), 0
    for file in files:
        frame = read_metrics(file).frame
        step = float(np.median(np.diff(frame.times)))
        for span in spans(frame, int(HOURS[-1] * 3600 / step), chance):
            flags, hours = anomalous(span), (span.times - span.times[0]) / 3600
            judged = np.arange(len(flags)) >= _WARM_UP
            shares.append([flags[judged & (hours >= a) & (hours < b)].mean() for a, b in pairwise(HOURS)])
        for span in spans(frame, _SHORT, chance):
            count += 1
            for series in _FAULTY:
                flags = anomalous(broken(span, series, chance))
                found[series] += bool(flags[_FAULT_AT : _FAULT_AT + 20].any() and not flags[_FAULT_AT - 1])
    means = [f"{share:.2f}" for share in np.nanmean(shares, axis=0)]
    return [name, *means, *(f"{found[series]}/{count}" for series in _FAULTY)]


def main() -> None:
    """Print the table."""
    names = JUDGED if os.environ.get("JUDGE") else CHOSE
    files = [Path(sys.argv[1]) / "multivariate" / name / "train.csv.gz" for name in names]
    rows = [measure("as it is", files)]
    with patch.object(ReturnPeriods, "_young", property(lambda self: self._week.blocks < 0)):
        rows.append(measure("without half hours", files))
    heads = [f"hours {a:.0f} to {b:.0f}" for a, b in pairwise(HOURS)]
    show(f"Young hosts: {', '.join(names)}", ["", *heads, *(f"{n} series" for n in _FAULTY)], rows)


if __name__ == "__main__":
    main()
