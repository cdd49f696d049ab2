"""Simulated entities of one series or some that share a load, with faults and with what makes false alarms.

Levels that change for good with a deploy, slow drifts, bursts that mean nothing, heavy work that is over
within the hour. Faults of all kinds, sizes and lengths are put in, steady ones and those that fade, grow, or
come and go; only they are labelled.
"""

from __future__ import annotations

import numpy as np

from tests.bench.simulated import DAY_S, FIRST_DAY, SHAPES

DAYS = {60: 20, 300: 50}  # how long an entity is watched, by the seconds between samples
LEARNT = 0.5  # share of the days before faults are put in and rows are judged
DEPLOYS, BURSTS, WORK, FAULTS = 0.1, 0.5, 0.2, 0.5  # a day
SHORT = 1 / 3  # of the faults are over after ten samples at most


def make_entity(seed: int, series: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Return rows x series, the label of each row, and the seconds between rows."""
    chance = np.random.default_rng(seed)
    step_s = int(chance.choice(list(DAYS)))
    times = FIRST_DAY + step_s * np.arange(DAYS[step_s] * DAY_S // step_s)
    load = _walk(len(times), DAY_S // step_s, chance)
    names = chance.choice(list(SHAPES), series)
    shapes = [SHAPES[name](times, chance) for name in names]
    scale = np.column_stack([shape.scale for shape in shapes])
    values = np.column_stack([shape.values for shape in shapes])
    values = values + scale * (load[:, None] * chance.uniform(0, 1.5, series) + _drift(values.shape, chance))
    for first in _moments(DEPLOYS, times, chance, 0.0):
        some = chance.random(series) < max(0.2, 1 / series)
        values[first:] += some * chance.normal(0, 3, series) * scale[first:]
    for first in _moments(BURSTS, times, chance, 0.0):
        column, rows = chance.integers(series), slice(first, first + int(chance.integers(1, 6)))
        values[rows, column] += chance.choice([-1, 1]) * 4 * chance.pareto(2.5) * scale[rows, column]
    for first in _moments(WORK, times, chance, 0.0):
        rows = slice(first, first + int(chance.uniform(600, 3600) / step_s))
        values[rows] += (chance.random(series) < 0.3) * chance.uniform(1, 4, series) * scale[rows]
    label = np.zeros(len(times), bool)
    for first in _moments(FAULTS, times, chance, LEARNT):
        length = int(np.clip(3600 * chance.lognormal(0.3, 1.0), 600, DAY_S / 2) / step_s) + 1
        if chance.random() < SHORT:
            length = int(chance.integers(1, 11))
        rows = slice(first, min(first + length, len(times)))
        some = chance.random(series) < chance.uniform(0.05, 0.6)
        some[chance.integers(series)] = True
        values[rows] = _faulty(values[rows], scale[rows], chance) * some + values[rows] * ~some
        label[rows] = True
    return values, label, step_s


def _walk(rows: int, day: int, chance: np.random.Generator) -> np.ndarray:
    """Return what the series of an entity share: it wanders over hours."""
    kernel = np.exp(-np.arange(day // 4) / (day / 24))
    return np.convolve(chance.normal(size=rows), kernel / np.sqrt((kernel**2).sum()))[:rows]


def _drift(shape: tuple[int, int], chance: np.random.Generator) -> np.ndarray:
    total = np.cumsum(chance.normal(size=shape), axis=0) / np.sqrt(shape[0])
    return chance.choice([0.0, 1.0, 4.0], shape[1]) * total


def _moments(a_day: float, times: np.ndarray, chance: np.random.Generator, since: float) -> list[int]:
    first = int(since * len(times))
    days = (times[-1] - times[first]) / DAY_S
    return sorted(chance.integers(first, len(times), chance.poisson(a_day * days)).tolist())


def _faulty(values: np.ndarray, scale: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    size = chance.choice([-1, 1], values.shape[1]) * 3 * chance.lognormal(0.8, 0.7, values.shape[1])
    kind = chance.choice(["shift", "shift", "shake", "freeze"])
    course = _course(len(values), chance)[:, None]
    if kind == "freeze":
        return np.repeat(values[:1], len(values), axis=0)
    if kind == "shake":
        return values + course * chance.normal(size=values.shape) * np.abs(size) * scale / 2
    return values + course * size * scale


def _course(rows: int, chance: np.random.Generator) -> np.ndarray:
    """Return how strong a fault is at each of its rows, as a share."""
    kind = chance.choice(["steady", "growing", "fading", "recurring"])
    if kind == "growing":
        return np.linspace(0, 1, rows)
    if kind == "fading":
        rest = chance.uniform(0.2, 0.6)
        return rest + (1 - rest) * np.exp(-6 * np.arange(rows) / rows)
    if kind == "recurring":
        lengths = 1 + chance.exponential(rows / 8, rows).astype(int)
        return np.repeat(np.arange(rows) % 2 == 0, lengths)[:rows].astype(float)
    return np.ones(rows)
