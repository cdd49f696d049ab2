"""``make bench-diagnose DATA=…``: recorded incidents through ``opsmend diagnose``, scored and timed.

DATA is a folder with ``rootcause/``, ``incidents/`` and ``pods/``, or one of them: one folder a case, each
with ``truth.json``. When it has a ``score.py``, that is run over the same reports. Nothing here is a test: a
case that is missed is a line above the table. Beside ours stand simple rankers on the same cases, from the
same beginning. Most of the time goes into the start of each command (rules read, classifier trained), which
is part of what is timed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from agent.cli.main import app
from agent.collect.incidentfolder import read_incident_folder
from agent.diagnose.cause.rootcause import analyse
from tests.bench.rankers import by_largest_change, by_robust_z
from tests.bench.table import show, spread

KINDS = ("rootcause", "incidents", "pods")
RANKERS = {"robust z (BARO)": by_robust_z, "largest change": by_largest_change}


def main() -> None:
    """Diagnose every case of a data folder and print the scores."""
    if len(sys.argv) < 2 or not Path(sys.argv[1]).is_dir():
        sys.exit("there is no such data folder; usage: make bench-diagnose DATA=folder [OUT=folder]")
    data = Path(sys.argv[1]).resolve()
    out = Path(sys.argv[2] if len(sys.argv) > 2 else ".cache/bench-diagnose")
    ranks: dict[str, list[int]] = defaultdict(list)
    plain: dict[tuple[str, str], list[int]] = defaultdict(list)
    took: dict[str, list[float]] = defaultdict(list)
    sure: list[tuple[float, bool]] = []
    patterns = ["*"] if data.name in KINDS else [f"{kind}/*" for kind in KINDS]
    cases = sorted(path.parent for one in patterns for path in data.glob(f"{one}/truth.json"))
    for case in track(cases, "diagnosing", console=Console(stderr=True), transient=True):
        report = out / case.parent.name / case.name / "report.json"
        report.parent.mkdir(parents=True, exist_ok=True)
        began = time.perf_counter()
        app(["diagnose", str(case), "--output", str(report), "--quiet"], standalone_mode=False)
        group = "incidents" if case.parent.name == "incidents" else case.name.split("-")[0]
        took[group].append(time.perf_counter() - began)
        answer = json.loads((case / "truth.json").read_text())
        truth, kind = answer["root_cause"], answer.get("type", "")
        found = json.loads(report.read_text())["root_causes"]
        names = [one["entity"] for one in found]
        ranks[group].append(_rank(names, truth))
        if case.parent.name == "pods":
            ranks[f"  {group} {kind}"].append(ranks[group][-1])
        observed = read_incident_folder(case)
        start = analyse(observed).deviations.start
        for ranker, rank in RANKERS.items():
            plain[group, ranker].append(_rank(rank(observed, start), truth))
        sure += [(found[0]["score"], names[0] == truth)] if found else []
        if names[:1] != [truth]:
            print(f"missed {case.name}: {truth} is number {ranks[group][-1] or 'none'}, first is {names[:1]}")
    if not ranks:
        sys.exit(f"{data} has no cases")
    _print(ranks, plain, took, sure)
    if (score := data / "score.py").is_file():
        print(f"\n{score.name} of the data itself (needs pandas):", flush=True)
        subprocess.run([sys.executable, score, "rootcause", out, data], check=False)


def _rank(names: list[str], truth: str) -> int:
    return names.index(truth) + 1 if truth in names else 0


def _print(
    ranks: dict[str, list[int]],
    plain: dict[tuple[str, str], list[int]],
    took: dict[str, list[float]],
    sure: list[tuple[float, bool]],
) -> None:
    show(
        "opsmend diagnose, and the share that simple rankers have first",
        ["set", "cases", "top 1", "top 3", "top 5", *RANKERS, "time"],
        [
            (
                group,
                str(len(own)),
                *(f"{np.mean([0 < rank <= most for rank in own]):.2f}" for most in (1, 3, 5)),
                *(_first(plain.get((group, ranker))) for ranker in RANKERS),
                spread(took[group]) if group in took else "",
            )
            for group, own in sorted(ranks.items(), key=lambda pair: pair[0].strip())
        ],
    )
    bands = [(0.0, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 0.9), (0.9, 1.01)]
    inside = {band: [hit for score, hit in sure if band[0] <= score < band[1]] for band in bands}
    show(
        "calibration: how often the first is right when it says so",
        ["score", "cases", "right"],
        [
            (f"{low:.1f} to {min(high, 1):.1f}", str(len(hits)), f"{np.mean(hits):.2f}" if hits else "-")
            for (low, high), hits in inside.items()
        ],
    )


def _first(ranks: list[int] | None) -> str:
    return f"{np.mean([rank == 1 for rank in ranks]):.2f}" if ranks else ""


if __name__ == "__main__":
    main()
