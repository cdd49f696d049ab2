"""Resources that run out, and such that never do: what is left of them over time, made up, with the truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from agent.records import FloatArray

DAY_S = 86_400.0
RAMPS = ("linear", "stepwise", "seasonal", "noisy")
HEALTHY = ("seasonal", "sawtooth")
# what is left when all is well: bytes of a disk, inodes, bytes of memory, handles, connections
SIZES = (4e11, 2e7, 3e10, 65_536.0, 512.0)
_BEGIN = 1.7e9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Course:
    """What is ``left`` at ``times`` (unix seconds); it falls from ``starts`` on until it ``ends``."""

    kind: str
    times: FloatArray
    left: FloatArray
    starts: float = np.inf
    ends: float = np.inf


def ramps(rng: np.random.Generator, count: int) -> Iterator[Course]:
    """Yield courses that end in four hours to five days, after a healthy time."""
    for number in range(count):
        kind = RAMPS[number % len(RAMPS)]
        lasts = float(10 ** rng.uniform(np.log10(4 * 3600), np.log10(5 * DAY_S)))
        step = 60.0 if lasts < DAY_S / 2 else 600.0
        before = float(rng.uniform(1, 3)) * (3600.0 if step == 60.0 else DAY_S)
        times = np.arange(0, before + lasts, step) + _BEGIN + rng.uniform(0, DAY_S)
        level = SIZES[number % len(SIZES)] * rng.uniform(0.3, 0.9)
        part = np.clip((times - times[0] - before) / lasts, 0.0, None)
        if kind == "stepwise":
            steps = int(rng.integers(10, 40))
            part = np.floor(part * steps) / steps
        left = level * (1 - part)
        if kind == "seasonal":
            swing = level * rng.uniform(0.02, 0.1)
            left = left + swing * np.sin(2 * np.pi * times / DAY_S + rng.uniform(0, 6))
        noise = rng.uniform(0.005, 0.03) if kind == "noisy" else 10 ** rng.uniform(-4, -2.3)
        left = left + rng.normal(0, level * noise, len(times))
        yield Course(
            kind=kind, times=times, left=left, starts=times[0] + before, ends=times[0] + before + lasts
        )


def healthy(rng: np.random.Generator, count: int) -> Iterator[Course]:
    """Yield courses that swing with the day, or fall and come back as a rotated log does."""
    for number in range(count):
        kind = HEALTHY[(number // 2) % len(HEALTHY)]
        slow = number % 2 == 0
        step, span = (600.0, rng.uniform(2, 7) * DAY_S) if slow else (60.0, rng.uniform(3, 12) * 3600)
        times = np.arange(0, span, step) + _BEGIN + rng.uniform(0, DAY_S)
        level = SIZES[number % len(SIZES)] * rng.uniform(0.3, 0.9)
        if kind == "seasonal":
            part = rng.uniform(0.05, 0.4) * np.sin(2 * np.pi * times / DAY_S + rng.uniform(0, 6))
        else:
            period = float(rng.choice([3600, 7200, 6 * 3600, DAY_S] if slow else [900, 1800, 3600]))
            turns, phase = np.divmod(times + rng.uniform(0, period), period)
            deep = rng.uniform(0.05, 0.6) * (1 + 0.2 * rng.uniform() * rng.standard_normal(100_000))
            part = -deep[turns.astype(int) % len(deep)] * phase / period
        left = level * (1 + part) + rng.normal(0, level * 10 ** rng.uniform(-4, -2), len(times))
        yield Course(kind=kind, times=times, left=np.maximum(left, 0.01 * level))
