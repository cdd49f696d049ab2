"""What judging 100,000 series in one frame costs, beside one plain mean and deviation over the array.

``make bench-series`` (SERIES=100000). Days that have a season and a poll in which all series open an anomaly
are measured too: they are the dearest.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from agent.config.rulefiles import Signal
from agent.config.settings import DetectSection
from agent.detect import Engine
from agent.records import Frame, Series
from tests.bench.table import show, spread

COUNT = int(os.environ.get("SERIES", "100000"))
WIDTH = 240
POLL_S = 15.0


def frame_of(values: np.ndarray, series: list[Series], at: float) -> Frame:
    """Return a frame that ends with the newest column of ``values``."""
    times = at + POLL_S * np.arange(1 - WIDTH, 1)
    rows = {"x": np.arange(len(series))}
    when = datetime.fromtimestamp(at, UTC)
    return Frame(at=when, times=times, values=values, series=series, rows=rows, answered=frozenset(rows))


def timed(detector: Engine, frame: Frame) -> float:
    began = time.process_time()
    detector.observe(frame)
    return time.process_time() - began


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Measure and print the table."""
    chance = np.random.default_rng(0)
    series = [Series("x", f"host{number // 50}", {"part": str(number)}) for number in range(COUNT)]
    values = chance.normal(100, 1, (COUNT, WIDTH))
    began = time.process_time()
    values.mean(1), values.std(1)
    plain = time.process_time() - began
    signal = Signal(id="x", summary="s", query="x", role="latency", entity="{instance}")
    before = resident_bytes()
    detector = Engine({"x": signal}, DetectSection())
    young = [timed(detector, frame_of(values, series, POLL_S * poll)) for poll in range(60)]
    # five days in steps of ten minutes, so that every part of the day has been seen often enough
    later = [timed(detector, frame_of(values, series, 600.0 * step)) for step in range(2, 5 * 144)]
    grown = (resident_bytes() - before) / COUNT
    values[:, -1] += 100
    opening = [timed(detector, frame_of(values, series, 600.0 * (5 * 144 + step))) for step in range(4)]
    show(
        f"{COUNT:,} series in one frame of {WIDTH} samples, CPU on one core",
        ["what", "seconds"],
        [
            ["one plain mean and standard deviation over the array", f"{plain:.3f} s"],
            ["judged, first hour", spread(young[10:])],
            ["judged, with seasons", spread(later[-100:])],
            ["judged, every series opening an anomaly", f"{max(opening):.2f} s"],
            ["memory of the detector", f"{grown:.0f} bytes a series"],
        ],
    )


if __name__ == "__main__":
    main()
