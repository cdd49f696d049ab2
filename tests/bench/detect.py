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
from pathlib import Path

import numpy as np

from tests.bench.nab import nab_score
from tests.bench.table import show

SCORER = Path(os.environ.get("SCORER_PYTHON", sys.executable))


def detect(metrics: Path, output: Path, train: Path | None = None) -> float:
    """Run the command and return its CPU time in seconds."""
    output.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "agent.cli.main", "detect", str(metrics), "--output", str(output)]
    before = os.times()
    subprocess.run(
        [*command, *(["--train", str(train)] if train else [])],
        check=True,
        capture_output=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def run_cases(data: Path, out: Path) -> list[tuple[str, str, float]]:
    """Judge every case; return kind, name and CPU time."""
    done = []
    for case in sorted(data.glob("multivariate/*/")):
        took = detect(
            case / "test.csv.gz", out / "multivariate" / case.name / "scores.csv", case / "train.csv.gz"
        )
        done.append(("multivariate", case.name, took))
    for case in sorted(data.glob("univariate/*/")):
        took = detect(case / "metrics.csv.gz", out / "univariate" / case.name / "scores.csv")
        done.append(("univariate", case.name, took))
    return done


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
    for kind, name, took in run_cases(data, out):
        own, best, false = own_share_of_best(data / kind / name, out / kind / name / "scores.csv")
        found, total = culprits_found(data / kind / name, out / kind / name / "scores.csv")
        rows.append([f"{kind} {name}", f"{own:.3f}", f"{best:.3f}", f"{own / max(best, 1e-9):.2f}"])
        rows[-1] += [f"{false:.2f}", f"{found} of {total}" if total else "", f"{took:.1f} s"]
    columns = ["case", "F1 own threshold", "best F1", "share", "false/day", "culprit first", "CPU"]
    show("own threshold, no point adjustment", columns, rows)
    print(
        subprocess.run(
            [SCORER, data / "score.py", "detect", out, data], check=False, text=True, capture_output=True
        ).stdout
    )
    if (data / "onset").is_dir():
        score, threshold, detections = nab_score(data / "onset", out / "onset", detect)
        show(
            "NAB, standard profile, one threshold for all series",
            ["score", "threshold", "detections"],
            [[f"{score:.1f}", f"{threshold:.3g}", str(detections)]],
        )
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
