"""NAB's standard profile over the scores of ``opsmend detect`` (Lavin & Ahmad 2015, section 3, and its code).

A detection in a window is worth more the earlier it comes (a sigmoid of its place), only the first counts;
one outside costs up to 0.11, less just after a window; a missed window costs 1. The sum over all series is
put on a scale where detecting nothing is 0 and every window at its first row is 100. The first 15 % of a
series (750 rows at most) are not scored. NAB chooses the one threshold over all series that serves best, and
so does this; it is NAB's rule, not how the product chooses its own.

What is handed to it: the scores of the command, kept where they are higher than in the 100 rows before, and 0
elsewhere. NAB counts each row above the threshold as an alarm of its own; an alarm of the product is the
beginning of one, and that is what a rise to a new height is. A score that climbs counts at each
row of it; beside it stands what is reached where an alarm is the first row above a threshold in 100.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

ONSET_ROWS = 100
FALSE_ALARM = 0.11
MISS = 1.0


Reached = tuple[str, float, float, int]
"""How alarms were counted, the score, the threshold and how many alarms there are at it."""


def nab_score(folder: Path, out: Path, detect: Callable[[Path, Path], float]) -> Sequence[Reached]:
    """Run over every series; return what is reached in each way of counting alarms."""
    windows = json.loads((folder / "labels" / "combined_windows.json").read_text())
    columns: list[tuple[np.ndarray, ...]] = []
    count = 0
    for name, spans in sorted(windows.items()):
        output = out / name.replace("/", "_")
        detect(folder / "data" / name, output)
        worth, group, score, before = _series(folder / "data" / name, output, spans)
        columns.append((worth, np.where(group >= 0, group + count, -1), score, before))
        count += len(spans)
    worth, group, score, before = (np.concatenate(column) for column in zip(*columns, strict=True))
    rising = np.where(score > before, score, 0.0)
    return [
        ("rises", *_best(worth, rising, group, count)),
        ("first rows", *_best_begun(worth, score, before, group, count)),
    ]


def _series(data: Path, output: Path, spans: list[list[str]]) -> tuple[np.ndarray, ...]:
    with data.open() as text:
        stamps = [row["timestamp"] for row in csv.DictReader(text)]
    with output.open(newline="") as text:
        by_stamp = {row["timestamp"]: float(row["score"]) for row in csv.DictReader(text)}
    times = [_moment(stamp) for stamp in stamps]
    windows = [
        (times.index(_moment(begin)), len(times) - 1 - times[::-1].index(_moment(end)))
        for begin, end in spans
    ]
    worth, group = _worth(len(times), windows)
    score = np.array([by_stamp.get(stamp, 0.0) for stamp in stamps])
    first = min(math.floor(0.15 * len(times)), 750)
    return worth[first:], group[first:], score[first:], _highest_before(score)[first:]


def _moment(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp).replace(tzinfo=UTC, microsecond=0)


def _highest_before(score: np.ndarray) -> np.ndarray:
    padded = np.concatenate([np.full(ONSET_ROWS, -np.inf), score])
    result: np.ndarray = np.lib.stride_tricks.sliding_window_view(padded, ONSET_ROWS)[: len(score)].max(1)
    return result


def _sigmoid(place: np.ndarray) -> np.ndarray:
    return np.where(place > 3, -1.0, 2 / (1 + np.exp(5 * np.minimum(place, 3))) - 1)


def _worth(rows: int, windows: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return what a detection at each row is worth, and the window that it lies in, or -1."""
    place, group = np.full(rows, 4.0), np.full(rows, -1)
    numbers = np.arange(rows)
    for begin, end in windows:
        place[end + 1 :] = (numbers[end + 1 :] - end) / max(end - begin, 1)
    worth = FALSE_ALARM * _sigmoid(place)
    earliest = float(_sigmoid(np.array([-1.0]))[0])
    for number, (begin, end) in enumerate(windows):
        inside = numbers[begin : end + 1]
        worth[begin : end + 1] = _sigmoid(-(end - inside + 1) / (end - begin + 1)) / earliest
        group[begin : end + 1] = number
    return worth, group


def _best(worth: np.ndarray, score: np.ndarray, group: np.ndarray, windows: int) -> tuple[float, float, int]:
    order = np.argsort(-score, kind="stable")
    gain = np.zeros(len(order))
    best: dict[int, float] = {}
    for rank, row in enumerate(order.tolist()):
        window = int(group[row])
        if window < 0:
            gain[rank] = worth[row]
        else:
            already = best.get(window, -MISS)
            gain[rank] = max(worth[row] - already, 0.0)
            best[window] = max(worth[row], already)
    total = np.cumsum(gain)
    # a threshold cannot part rows of one score; rows at 0 are no detections
    usable = np.append(np.diff(score[order]) != 0, True) & (score[order] > 0)
    chosen = int(np.argmax(np.where(usable, total, -np.inf)))
    return 100 * float(total[chosen]) / ((1 + MISS) * windows), float(score[order][chosen]), chosen + 1


def _best_begun(
    worth: np.ndarray, score: np.ndarray, before: np.ndarray, group: np.ndarray, windows: int
) -> tuple[float, float, int]:
    """Return the same where an alarm is the first row that reaches the threshold, by a grid of thresholds."""
    best = (0.0, math.inf, 0)
    for threshold in np.unique(np.quantile(score[score > 0], 1 - np.geomspace(1e-5, 0.3, 200))).tolist():
        begun = (score >= threshold) & (before < threshold)
        inside = begun & (group >= 0)
        found = np.full(windows, -MISS)
        np.maximum.at(found, group[inside], worth[inside])
        total = worth[begun & (group < 0)].sum() + (found + MISS).sum()
        best = max(best, (100 * float(total) / ((1 + MISS) * windows), threshold, int(begun.sum())))
    return best
