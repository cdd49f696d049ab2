"""Seeded series of many shapes with anomalies of all kinds in them, and where each anomaly is.

Nothing here is taken from a data set: the shapes are what services show (noise, days, office hours, counts,
wandering, heavy tails, saws, nightly jobs, whole numbers), the anomalies are sized by each shape's own noise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

DAY_S = 86_400
FIRST_DAY = 1_600_041_600  # a Monday, 00:00 UTC


@dataclass(frozen=True)
class Event:
    """An anomaly: its kind, and its rows from ``first`` to before ``last``."""

    kind: str
    first: int
    last: int


@dataclass(frozen=True, eq=False)
class System:
    """One entity: ``values`` is series x rows, ``events`` what was done to it, in order."""

    shape: str
    values: np.ndarray
    events: Sequence[Event]


@dataclass(frozen=True, eq=False)
class Shape:
    """A healthy series, its noise's scale at each row, whether it has a season, and its floor."""

    values: np.ndarray
    scale: np.ndarray
    seasonal: bool = False
    floor: float = -np.inf
    moves: bool = True


Maker = Callable[[np.ndarray, np.random.Generator], Shape]


def _hour(times: np.ndarray) -> np.ndarray:
    return times % DAY_S / 3600


def _steady(times: np.ndarray, chance: np.random.Generator) -> Shape:
    scale = np.full(len(times), chance.uniform(1, 4))
    return Shape(chance.uniform(40, 200) + scale * chance.normal(size=len(times)), scale)


def _daily(times: np.ndarray, chance: np.random.Generator) -> Shape:
    swing = np.sin((_hour(times) - chance.uniform(0, 24)) / 24 * 2 * np.pi)
    scale = np.full(len(times), chance.uniform(2, 5))
    return Shape(120 + 40 * swing + scale * chance.normal(size=len(times)), scale, seasonal=True)


def _office(times: np.ndarray, chance: np.random.Generator) -> Shape:
    open_ = 1 / (1 + np.exp(-3 * (_hour(times) - 8))) / (1 + np.exp(3 * (_hour(times) - 18)))
    weekday = (times - FIRST_DAY) // DAY_S % 7 < 5
    level = 20 + chance.uniform(60, 120) * open_ * np.where(weekday, 1, 0.15)
    scale = 0.05 * level
    return Shape(level + scale * chance.normal(size=len(times)), scale, seasonal=True, floor=0)


def _counts(times: np.ndarray, chance: np.random.Generator) -> Shape:
    rate = chance.uniform(30, 80) * (1.2 + np.sin((_hour(times) - 15) / 24 * 2 * np.pi))
    return Shape(chance.poisson(rate).astype(float), np.sqrt(rate), seasonal=True, floor=0)


def _wandering(times: np.ndarray, chance: np.random.Generator) -> Shape:
    noise, value = chance.normal(size=len(times)), np.zeros(len(times))
    for row in range(1, len(times)):
        value[row] = 0.97 * value[row - 1] + noise[row]
    return Shape(200 + 2 * value, np.full(len(times), 8.0))


def _latency(times: np.ndarray, chance: np.random.Generator) -> Shape:
    values = 20 * np.exp(0.12 * chance.standard_t(4, size=len(times)))
    slow = chance.random(len(times)) < 0.005
    return Shape(np.where(slow, values * 2, values), np.full(len(times), 4.0), floor=0)


def _saw(times: np.ndarray, chance: np.random.Generator) -> Shape:
    period = chance.uniform(1.5, 5) * 3600
    saw = (times % period) / period
    return Shape(100 + 30 * saw + chance.normal(size=len(times)), np.full(len(times), 10.0))


def _ratio(times: np.ndarray, chance: np.random.Generator) -> Shape:
    scale = np.full(len(times), 0.004)
    return Shape(np.minimum(0.99 + scale * chance.normal(size=len(times)), 1.0), scale)


def _nightly(times: np.ndarray, chance: np.random.Generator) -> Shape:
    job = (_hour(times) >= 2) & (_hour(times) < 2.7)
    scale = np.full(len(times), 2.0)
    return Shape(50 + 60 * job + scale * chance.normal(size=len(times)), scale)


def _whole(times: np.ndarray, chance: np.random.Generator) -> Shape:
    values = np.round(12 + 1.2 * chance.normal(size=len(times)))
    return Shape(values, np.full(len(times), 1.3), floor=0)


SHAPES: dict[str, Maker] = {
    "steady": _steady,
    "daily": _daily,
    "office": _office,
    "counts": _counts,
    "wandering": _wandering,
    "latency": _latency,
    "saw": _saw,
    "ratio": _ratio,
    "nightly": _nightly,
    "whole": _whole,
}


def _spike(shape: Shape, rows: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    return shape.values[rows] + chance.uniform(12, 25) * shape.scale[rows]


def _dip(shape: Shape, rows: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    return shape.values[rows] - chance.uniform(12, 25) * shape.scale[rows]


def _shift(shape: Shape, rows: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    return shape.values[rows] + chance.choice([-1, 1]) * chance.uniform(9, 20) * shape.scale[rows]


def _trend(shape: Shape, rows: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    grown = np.linspace(0, chance.choice([-1, 1]) * chance.uniform(15, 30), len(rows))
    return shape.values[rows] + grown * shape.scale[rows]


def _variance(shape: Shape, rows: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    return shape.values[rows] + chance.uniform(4, 8) * shape.scale[rows] * chance.normal(size=len(rows))


def _lost_season(shape: Shape, rows: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    return shape.values[rows[0]] + shape.scale[rows] * chance.normal(size=len(rows))


def _flat(shape: Shape, rows: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    return np.full(len(rows), shape.values[rows[0] - 1])


def _missing(shape: Shape, rows: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    return np.full(len(rows), np.nan)


# what it does, and from and to how many hours it lasts; spikes and dips are counted in rows
ANOMALIES: dict[str, tuple[Callable[..., np.ndarray], float, float]] = {
    "spike": (_spike, 0, 0),
    "dip": (_dip, 0, 0),
    "level_shift": (_shift, 1, 4),
    "trend": (_trend, 2, 5),
    "variance_change": (_variance, 1, 4),
    "lost_seasonality": (_lost_season, 8, 14),
    "flat_line": (_flat, 2, 4),
    "missing_data": (_missing, 1, 4),
    "correlated_shift": (_shift, 1, 4),
}


def make_system(
    name: str, days: int, step_s: int, seed: int, kinds: Sequence[str], spike_rows: tuple[int, int]
) -> System:
    """Make one entity of a shape and put an anomaly of each of ``kinds`` into it, from the ninth day on.

    An entity has one series, or six where a correlated shift is among the kinds.
    """
    chance = np.random.default_rng(seed)
    times = FIRST_DAY + step_s * np.arange(days * DAY_S // step_s)
    count = 6 if "correlated_shift" in kinds else 1
    shapes = [SHAPES[name](times, chance) for _ in range(count)]
    values = np.array([shape.values for shape in shapes])
    events = []
    room = (days - 9) * DAY_S // step_s // max(len(kinds), 1)
    for number, kind in enumerate(kinds):
        change, least, most = ANOMALIES[kind]
        length = round(chance.uniform(least, most) * 3600 / step_s)
        if kind in ("spike", "dip"):
            length = int(chance.integers(*spike_rows, endpoint=True))
        begin = 9 * DAY_S // step_s + number * room
        first = begin + int(chance.integers(0, max(room - length - room // 4, 1)))
        if kind == "lost_seasonality":  # at the hour where the season is about to leave what it shows
            first = _before_swing(shapes[0], first, room // 2, length)
        rows = np.arange(first, min(first + length, len(times)))
        for series in chance.permutation(count)[: 4 if kind == "correlated_shift" else 1].tolist():
            values[series, rows] = np.maximum(change(shapes[series], rows, chance), shapes[series].floor)
        events.append(Event(kind, int(rows[0]), int(rows[-1]) + 1))
    return System(name, values, events)


def _before_swing(shape: Shape, first: int, room: int, length: int) -> int:
    """Return the begin, within ``room``, from which the series moves most away from what it shows there."""
    latest = len(shape.values) - length
    begins = np.minimum(np.arange(first, first + room, max(room // 48, 1)), latest)
    away = [
        np.abs(shape.values[b : b + length] - np.median(shape.values[b - 5 : b + 5])).mean() for b in begins
    ]
    return int(begins[int(np.argmax(away))])


def fitting(name: str) -> list[str]:
    """Return the kinds that make sense for a shape: a floor leaves no room for a dip, for example."""
    chance = np.random.default_rng(0)
    shape = SHAPES[name](FIRST_DAY + 300.0 * np.arange(2016), chance)
    kinds = ["spike", "level_shift", "trend", "variance_change", "missing_data"]
    if (shape.values - shape.floor > 12 * shape.scale).mean() > 0.9 and name != "ratio":
        kinds.append("dip")
    if shape.seasonal:
        kinds.append("lost_seasonality")
    if name not in ("whole", "ratio"):
        kinds.append("flat_line")
    return kinds
