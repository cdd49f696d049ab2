"""``make bench-diagnose DATA=…``: recorded incidents through ``opsmend diagnose``, scored and timed.

DATA is a folder with ``rootcause/`` and ``incidents/``, one folder a case, each with ``truth.json``. When
it has a ``score.py``, that is run over the same reports. Nothing here is a test: a case that is missed is
a line in the table.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

from agent.cli.main import app
from tests.bench.table import show, spread

KINDS = ("rootcause", "incidents")


def main() -> None:
    """Diagnose every case of a data folder and print the scores."""
    if len(sys.argv) < 2 or not Path(sys.argv[1]).is_dir():
        sys.exit("there is no such data folder; usage: make bench-diagnose DATA=folder [OUT=folder]")
    data = Path(sys.argv[1])
    out = Path(sys.argv[2] if len(sys.argv) > 2 else ".cache/bench-diagnose")
    ranks: dict[str, list[int]] = defaultdict(list)
    took: dict[str, list[float]] = defaultdict(list)
    sure: list[tuple[float, bool]] = []
    for case in sorted(path.parent for kind in KINDS for path in data.glob(f"{kind}/*/truth.json")):
        report = out / case.parent.name / case.name / "report.json"
        report.parent.mkdir(parents=True, exist_ok=True)
        began = time.perf_counter()
        app(["diagnose", str(case), "--output", str(report), "--quiet"], standalone_mode=False)
        group = case.name.split("-")[0] if case.parent.name == "rootcause" else "incidents"
        took[group].append(time.perf_counter() - began)
        truth = json.loads((case / "truth.json").read_text())["root_cause"]
        found = json.loads(report.read_text())["root_causes"]
        names = [one["entity"] for one in found]
        ranks[group].append(names.index(truth) + 1 if truth in names else 0)
        sure += [(found[0]["score"], names[0] == truth)] if found else []
        if names[:1] != [truth]:
            print(f"missed {case.name}: {truth} is number {ranks[group][-1] or 'none'}, first is {names[:1]}")
    if not ranks:
        sys.exit(f"{data} has no cases")
    _print(ranks, took, sure)
    if (score := data / "score.py").is_file():
        print(f"\n{score.name} of the data itself (needs pandas):", flush=True)
        subprocess.run([sys.executable, score, "rootcause", out, data], check=False)


def _print(ranks: dict[str, list[int]], took: dict[str, list[float]], sure: list[tuple[float, bool]]) -> None:
    show(
        "opsmend diagnose",
        ["set", "cases", "top 1", "top 3", "top 5", "time"],
        [
            (
                group,
                str(len(own)),
                *(f"{np.mean([0 < rank <= most for rank in own]):.2f}" for most in (1, 3, 5)),
                spread(took[group]),
            )
            for group, own in ranks.items()
        ],
    )
    bands = [(0.0, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 1.01)]
    inside = {band: [hit for score, hit in sure if band[0] <= score < band[1]] for band in bands}
    show(
        "calibration: how often the first is right when it says so",
        ["score", "cases", "right"],
        [
            (f"{low:.1f} to {min(high, 1):.1f}", str(len(hits)), f"{np.mean(hits):.2f}" if hits else "-")
            for (low, high), hits in inside.items()
        ],
    )


if __name__ == "__main__":
    main()
