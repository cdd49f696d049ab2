"""``make bench-forecasts``: when generated resources are used up, asked at half time; and healthy ones.

Beside ours stands the usual PromQL, ``predict_linear`` over the last hour (1/12 of the time for slow ones).
Seeds 1 to 4 chose the constants of ``agent.predict.exhaustion``; seeds from 100 on only judge.
"""

from __future__ import annotations

import sys
from collections import defaultdict

import numpy as np

from agent.predict.exhaustion import exhaustions
from agent.records import FloatArray
from tests.bench.ramps import Course, healthy, ramps
from tests.bench.table import show

WINDOW = 1008  # samples that are looked at
LEAST_SPAN_S = 1200.0
MOMENTS = 60  # of each healthy course at which is asked


def main() -> None:
    """Print how far off, how often within the interval, and how often without need."""
    seed, count = (int(text) for text in (*sys.argv[1:3], *("100", "200")[len(sys.argv) - 1 :]))
    rng = np.random.default_rng(seed)
    found: dict[str, list[tuple[float, bool, float]]] = defaultdict(list)
    for course in ramps(rng, count):
        for kind in (course.kind, "all"):
            found[kind].append(_at_half_time(course))
    show(
        f"{count} ramps at half time, seed {seed}",
        ["ramp", "told", "within 20 %", "in the 80 % interval", "predict_linear within 20 %"],
        [[kind, *_row(rows)] for kind, rows in found.items()],
    )
    wrong: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for course in healthy(rng, count):
        said = [_false_words(course, end) for end in _moments(course)]
        for kind in (course.kind, "all"):
            wrong[kind].append((any(ours for ours, _ in said), any(plain for _, plain in said)))
    show(
        "healthy series, asked all the time",
        ["healthy", "series", "with a false word", "predict_linear, used up within 4 h"],
        [
            [kind, str(len(each)), *(f"{np.mean(said):.1%}" for said in zip(*each, strict=True))]
            for kind, each in wrong.items()
        ],
    )


def _at_half_time(course: Course) -> tuple[float, bool, float]:
    """Return the relative error, whether the interval holds the truth, and ``predict_linear``'s error."""
    now = int(np.searchsorted(course.times, (course.starts + course.ends) / 2))
    times, left = course.times[:now][-WINDOW:], course.left[:now][-WINDOW:]
    truth = course.ends - times[-1]
    said = exhaustions(times, left[None], LEAST_SPAN_S)
    plain = abs(_predict_linear(times, left) - truth) / truth
    if not len(said.rows):
        return np.inf, False, plain
    return abs(said.left[0] - truth) / truth, bool(said.low[0] <= truth <= said.high[0]), plain


def _predict_linear(times: FloatArray, left: FloatArray) -> float:
    window = max(3600.0, (times[-1] - times[0]) / 12)
    recent = times >= times[-1] - window
    slope, level = np.polyfit(times[recent] - times[-1], left[recent], 1)
    return float(-level / slope) if slope < 0 else np.inf


def _row(rows: list[tuple[float, bool, float]]) -> list[str]:
    errors = np.array([error for error, _, _ in rows])
    told = np.isfinite(errors)
    held = np.mean([inside for error, inside, _ in rows if np.isfinite(error)])
    plain = np.mean([other <= 0.2 for _, _, other in rows])
    return [f"{told.mean():.1%}", f"{(errors <= 0.2).mean():.1%}", f"{held:.1%}", f"{plain:.1%}"]


def _moments(course: Course) -> range:
    length = len(course.times)
    return range(int(0.4 * length), length, max(1, length // MOMENTS))


def _false_words(course: Course, end: int) -> tuple[bool, bool]:
    times, left = course.times[:end][-WINDOW:], course.left[:end][-WINDOW:]
    ours = bool(len(exhaustions(times, left[None], LEAST_SPAN_S).rows))
    return ours, _predict_linear(times, left) < 4 * 3600


if __name__ == "__main__":
    main()
