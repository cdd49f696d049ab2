"""``make bench-systems``: simulated systems by fault and by what is known of them, beside a plain ranking.

The plain ranking is by the largest robust z of any series of an entity, as BARO ranks (Pham et al. 2024).
A cell is top 1 / top 3. A second table tells how many of those called so sure are right.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

from agent.collect.incidentfolder import read_incident_folder
from agent.diagnose.cause.rootcause import analyse
from agent.diagnose.naming.conclusion import certainty
from tests.bench.dialects import DIALECTS, tell_in
from tests.bench.rankers import by_robust_z
from tests.bench.systems import FAULTS, make_case
from tests.bench.table import show

KNOWN: dict[str, dict[str, bool | str]] = {
    "metrics, topology, logs, events": {},
    "and the alert's series": {"hint": True},
    "metrics, topology": {"logs": False},
    "metrics, logs, events": {"topology": False},
    "metrics": {"logs": False, "topology": False},
    "pods: metrics, topology, logs": {"pods": True},
    "pods: metrics, logs": {"pods": True, "topology": False},
    "metrics, logs, alert at the victim": {"topology": False, "hint": True},
    **{f"as {dialect}": {"dialect": dialect} for dialect in DIALECTS},
}
SIZES = (8, 14, 24)


def main() -> None:
    """Diagnose simulated cases and print how often the cause is first."""
    cases, seed = (int(text) for text in (*sys.argv[1:3], *("12", "0")[len(sys.argv) - 1 :]))
    ours: dict[tuple[str, str], list[int]] = defaultdict(list)
    plain: dict[tuple[str, str], list[int]] = defaultdict(list)
    sure: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    took: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for known, options in KNOWN.items():
            for fault in FAULTS:
                for number in range(cases):
                    place = Path(folder) / f"{len(took)}"
                    size = SIZES[number % len(SIZES)]
                    told = dict(options)
                    dialect = told.pop("dialect", "")
                    cause = make_case(place, seed + number * 100, size, fault, **told)
                    if dialect:
                        tell_in(place, str(dialect))
                    observed = read_incident_folder(place)
                    began = time.perf_counter()
                    found = analyse(observed)
                    took.append(time.perf_counter() - began)
                    ours[known, fault].append(_rank([one.entity for one in found.suspects], cause))
                    plain[known, fault].append(_rank(by_robust_z(observed, found.deviations.start), cause))
                    if found.suspects:
                        first = found.suspects[0]
                        sure[known].append((first.score * certainty(found), first.entity == cause))
    rows = []
    for known in KNOWN:
        rows.append((known, *(_cell(ours[known, fault]) for fault in FAULTS), _all(ours, known)))
        rows.append(
            ("  by robust z alone", *(_cell(plain[known, fault]) for fault in FAULTS), _all(plain, known))
        )
    show(f"{cases} systems a cell, seed {seed}", ["known", *FAULTS, "all"], rows)
    bands = ((0.5, 0.7), (0.7, 0.9), (0.9, 1.01))
    show(
        "calibration: right of those called so sure",
        ["known", *(f"{low:.1f} to {min(high, 1):.1f}" for low, high in bands)],
        [(known, *(_right(sure[known], *band) for band in bands)) for known in (*KNOWN,)],
    )
    print(f"median {np.median(took) * 1000:.0f} ms, longest {max(took) * 1000:.0f} ms an analysis")


def _rank(names: list[str], cause: str) -> int:
    return names.index(cause) + 1 if cause in names else 0


def _right(sure: list[tuple[float, bool]], low: float, high: float) -> str:
    inside = [hit for score, hit in sure if low <= score < high]
    return f"{sum(inside)} of {len(inside)}"


def _cell(ranks: list[int]) -> str:
    return "/".join(f"{np.mean([0 < rank <= most for rank in ranks]):.2f}" for most in (1, 3))


def _all(table: dict[tuple[str, str], list[int]], known: str) -> str:
    return _cell([rank for fault in FAULTS for rank in table[known, fault]])


if __name__ == "__main__":
    main()
