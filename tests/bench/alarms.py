"""How often entities are told of in vain, and how much of each fault the alarms cover, on simulated entities.

``make bench-alarms``. An entity is one series or a dozen that share a load, with what makes false alarms on
real ones: levels that change for good with a deploy, slow drifts, bursts that mean nothing, heavy work that
is over within the hour. Faults of all kinds, sizes and lengths are put in, steady ones and those that fade,
grow, or come and go; only they are labelled. ``--fit`` compares other budgets than that of
``agent/detect/threshold.py``, on other seeds than those of the table.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from statistics import mean

import numpy as np

from agent.detect.causal import Schedule
from agent.detect.entity import score_entity
from agent.detect.threshold import ALARMS, AlarmRule, above, thresholds
from tests.bench.detect import compared
from tests.bench.simulated import DAY_S, FIRST_DAY, SHAPES
from tests.bench.table import show

ENTITIES = 72  # of one series, and as many of several
SERIES = 12
DAYS = {60: 20, 300: 50}  # how long an entity is watched, by the seconds between samples
LEARNT = 0.5  # share of the days before faults are put in and rows are judged
DEPLOYS, BURSTS, WORK, FAULTS = 0.1, 0.5, 0.2, 0.5  # a day
SHORT = 1 / 3  # of the faults are over after ten samples at most
FIT_SEEDS, TABLE_SEEDS = range(1000, 1000 + ENTITIES), range(2000, 2000 + ENTITIES)
MOST_A_DAY = 1.0  # false alarms
GRID = {"per_day": (0.4, 0.6, 0.8), "days": (5, 7, 14), "by_chance": (0.0, 0.15, 0.3)}


@dataclass(frozen=True, eq=False)
class Scored:
    """An entity's scores, what alarms go by, and labels; it is judged from row ``judged`` on."""

    score: np.ndarray
    fresh: np.ndarray
    label: np.ndarray
    begin: int
    judged: int
    schedule: Schedule


@dataclass(frozen=True, slots=True)
class Outcome:
    """F1 of the alarms, the best F1 that any threshold could give, and false alarms a day."""

    own: float
    best: float
    false: float


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


def score(seed: int, series: int) -> Scored:
    """Make an entity and score it as ``opsmend detect`` does: half of those of several learn first."""
    values, label, step_s = make_entity(seed, series)
    judged = int(LEARNT * len(values))
    schedule = Schedule(
        rows=len(values), day=DAY_S // step_s, learn_until=judged if series > 1 and seed % 2 else 0
    )
    scores = score_entity(values, float(step_s), schedule)
    return Scored(scores.score, scores.fresh, label, scores.begin, judged, schedule)


def judge(one: Scored, rule: AlarmRule) -> Outcome:
    """Return how alarms by ``rule`` compare with the labels."""
    alarm = above(one.fresh, thresholds(one.fresh, one.begin, one.schedule, rule))[one.judged :]
    label = one.label[one.judged :]
    days = len(label) / one.schedule.day
    return Outcome(*compared(one.score[one.judged :], alarm, label, days))


def scored(seeds: Iterable[int], series: int) -> list[Scored]:
    """Score one entity for each seed, two at a time."""
    seeds = list(seeds)
    with ProcessPoolExecutor(2) as pool:
        return list(pool.map(score, seeds, [series] * len(seeds)))


def row(name: str, rule: AlarmRule, outcomes: Sequence[Outcome]) -> list[str]:
    """Return a line of the table."""
    share = [one.own / one.best for one in outcomes if one.best > 0]
    false = [one.false for one in outcomes]
    return [
        name,
        f"{rule.per_day:g} a day over {rule.days:g} days, {rule.by_chance:g} by chance",
        f"{mean(one.own for one in outcomes):.3f}",
        f"{mean(one.best for one in outcomes):.3f}",
        f"{mean(share):.2f}",
        f"{mean(false):.2f}",
        f"{max(false):.2f}",
        f"{_kept(outcomes)} of {len(false)}",
    ]


def _kept(outcomes: Sequence[Outcome]) -> int:
    return sum(one.false <= MOST_A_DAY for one in outcomes)


def fit(name: str, entities: Sequence[Scored]) -> list[list[str]]:
    """Return the best rules: the highest mean F1 of those with at most one false alarm a day on the mean."""
    judged = []
    for values in product(*GRID.values()):
        rule = AlarmRule(**dict(zip(GRID, values, strict=True)))
        judged.append((rule, [judge(one, rule) for one in entities]))
    allowed = [(rule, of) for rule, of in judged if mean(one.false for one in of) <= MOST_A_DAY]
    allowed.sort(key=lambda pair: -mean(one.own for one in pair[1]))
    return [row(name, rule, of) for rule, of in allowed[:8]]


def main() -> None:
    """Print the table, or with ``--fit`` the best rules."""
    began = time.monotonic()
    rows = []
    for name, series in (("one series", 1), ("several", SERIES)):
        if "--fit" in sys.argv:
            rows += fit(name, scored(FIT_SEEDS, series))
        else:
            rows.append(row(name, ALARMS, [judge(one, ALARMS) for one in scored(TABLE_SEEDS, series)]))
    columns = ["entity of", "rule", "F1", "best F1", "share", "false/day", "at most", f"≤ {MOST_A_DAY:g}"]
    show(f"alarms on {ENTITIES} simulated entities each", columns, rows)
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
