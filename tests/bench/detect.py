"""How well ``opsmend detect`` finds anomalies: the command over labelled data, scored by its own script.

``make bench-detect DATA=folder``. The folder holds ``multivariate/``, ``univariate/`` and ``score.py``, and
``onset/`` for NAB; without it the benchmark says so and stops.
"""

from __future__ import annotations

import csv
import gzip
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np

from tests.bench.nab import nab_score
from tests.bench.table import show

JOBS = int(os.environ.get("JOBS", "1"))
_GRACE = 10  # rows before an episode: what a fault leaves behind is no false alarm
COUNTED = ("along episodes", "episodes", "rows")
SCORER = Path(os.environ.get("SCORER_PYTHON", sys.executable))


def detect(metrics: Path, output: Path, train: Path | None = None) -> float:
    """Run the command and return its CPU time in seconds."""
    output.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "agent.cli.main", "detect", str(metrics), "--output", str(output)]
    process = subprocess.Popen(
        [*command, *(["--train", str(train)] if train else [])],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return used.ru_utime + used.ru_stime


def run_cases(data: Path, out: Path) -> list[tuple[str, str, float]]:
    """Judge every case, some at a time; return kind, name and CPU time."""

    def judge(case: Path) -> tuple[str, str, float]:
        kind, name = case.parent.name, case.name
        scores = out / kind / name / "scores.csv"
        if kind == "multivariate":
            return kind, name, detect(case / "test.csv.gz", scores, case / "train.csv.gz")
        return kind, name, detect(case / "metrics.csv.gz", scores)

    cases = [*sorted(data.glob("multivariate/*/")), *sorted(data.glob("univariate/*/"))]
    with ThreadPoolExecutor(JOBS) as pool:
        return list(pool.map(judge, cases))


def labels_of(case: Path) -> dict[float, int]:
    """Return the label at each time: 1 in a fault, 0 outside, -1 where nobody knows."""
    with gzip.open(case / "labels.csv.gz", "rt") as text:
        return {float(row["timestamp"]): int(row["label"]) for row in csv.DictReader(text)}


def own_share_of_best(case: Path, scores: Path) -> tuple[float, float, float]:
    """Return F1 at the product's threshold, the best possible F1 of the same scores, false alarms a day."""
    labels = labels_of(case)
    with scores.open(newline="") as text:
        rows = [
            (float(row["timestamp"]), float(row["score"]), int(row["anomalous"]))
            for row in csv.DictReader(text)
        ]
    kept = [(at, score, flag, labels[at]) for at, score, flag in rows if labels.get(at, -1) >= 0]
    at, score, flag, label = (np.array(column) for column in zip(*kept, strict=True))
    return compared(score, flag, label, (at[-1] - at[0]) / 86_400)


def compared(
    score: np.ndarray, flag: np.ndarray, label: np.ndarray, days: float
) -> tuple[float, float, float]:
    """Return F1 of the flagged rows, the best possible F1 of the same scores, false alarms a day."""
    order = np.argsort(-score, kind="stable")
    hits, count = np.cumsum(label[order]), np.arange(1, len(label) + 1)
    ends = np.append(np.diff(score[order]) != 0, True)  # equal scores cannot be parted by a threshold
    best = (2 * hits / (count + label.sum()))[ends].max()
    own = 2 * (flag & label).sum() / max(flag.sum() + label.sum(), 1)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flag, [0]])))
    false = sum(not label[begin:end].any() for begin, end in edges.reshape(-1, 2))
    return own, best, false / max(days, 1e-9)


def told(case: Path, scores: Path) -> Iterator[tuple[str, float, bool]]:
    """Yield how sure verdicts were and whether they were right, counted in each of the ways of ``COUNTED``.

    Along its course an episode is looked at after 1, 2, 4, 8… rows, and right once a label lies in it or
    up to ten rows before it. Each episode once is taken at its surest. A row is right when it is labelled
    itself. Rows that nobody labelled are left out.
    """
    labels = labels_of(case)
    with scores.open(newline="") as text:
        rows = [row for row in csv.DictReader(text) if labels.get(float(row["timestamp"]), -1) >= 0]
    label = np.array([labels[float(row["timestamp"])] for row in rows])
    flag = np.array([int(row["anomalous"]) for row in rows])
    sure = np.array([float(row["confidence"]) for row in rows])
    along, once, each = COUNTED
    for row in np.flatnonzero(flag).tolist():
        yield each, sure[row], bool(label[row])
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flag, [0]])))
    for begin, end in edges.reshape(-1, 2).tolist():
        first = max(begin - _GRACE, 0)
        yield once, sure[begin:end].max(), bool(label[first:end].any())
        place = begin
        while place < end:
            yield along, sure[place], bool(label[first : place + 1].any())
            place = begin + 2 * (place - begin) + 1


def reliability(title: str, some: Sequence[tuple[str, float, bool]]) -> None:
    """Print, of those verdicts that were called so sure, how many there were and how many were right."""
    rows = []
    for low, high in pairwise([0, 0.5, 0.7, 0.8, 0.9, 1.001]):
        line = [f"{low:g} to {min(high, 1):g}"]
        for way in COUNTED:
            right = [one for counted, sure, one in some if counted == way and low <= sure < high]
            line += [str(len(right)), f"{np.mean(right):.2f}" if right else ""]
        rows.append(line)
    show(title, ["confidence", *(word for way in COUNTED for word in (way, "right"))], rows)


def culprits_found(case: Path, scores: Path) -> tuple[int, int]:
    """Return in how many labelled stretches the first series named at the highest score is a culprit."""
    file = case / "culprits.txt"
    if not file.exists():
        return 0, 0
    with scores.open(newline="") as text:
        rows = list(csv.DictReader(text))
    found = total = 0
    for line in file.read_text().split():
        span, _, metrics = line.partition(":")
        begin, end = (int(part) for part in span.split("-"))
        stretch = rows[max(begin - 1, 0) : end]
        if not stretch or not metrics:
            continue
        wanted = {f"metric_{int(number):02d}" for number in metrics.split(",")}
        named = max(stretch, key=lambda row: float(row["score"]))["series"].split("{", 1)[0]
        found, total = found + (named in wanted), total + 1
    return found, total


def main() -> None:
    """Run all and print the tables."""
    if len(sys.argv) < 2 or not (data := Path(sys.argv[1])).is_dir():
        sys.exit("say where the labelled data is: make bench-detect DATA=folder")
    out = Path(sys.argv[2] if len(sys.argv) > 2 else ".cache/bench-detect")
    began = time.monotonic()
    rows = []
    sure: dict[str, list[tuple[str, float, bool]]] = {}
    for kind, name, took in run_cases(data, out):
        own, best, false = own_share_of_best(data / kind / name, out / kind / name / "scores.csv")
        found, total = culprits_found(data / kind / name, out / kind / name / "scores.csv")
        rows.append([f"{kind} {name}", f"{own:.3f}", f"{best:.3f}", f"{own / max(best, 1e-9):.2f}"])
        sure.setdefault(kind, []).extend(told(data / kind / name, out / kind / name / "scores.csv"))
        rows[-1] += [f"{false:.2f}", f"{found} of {total}" if total else "", f"{took:.1f} s"]
    columns = ["case", "F1 own threshold", "best F1", "share", "false/day", "culprit first", "CPU"]
    show("own threshold, no point adjustment", columns, rows)
    for kind, some in sure.items():
        reliability(f"how sure, {kind}", some)
    print(
        subprocess.run(
            [SCORER, data / "score.py", "detect", out, data], check=False, text=True, capture_output=True
        ).stdout
    )
    if (data / "onset").is_dir():
        reached = nab_score(data / "onset", out / "onset", detect)
        show(
            "NAB, standard profile, one threshold for all series",
            ["alarms are", "score", "threshold", "alarms"],
            [[way, f"{score:.1f}", f"{at:.3g}", str(alarms)] for way, score, at, alarms in reached],
        )
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
