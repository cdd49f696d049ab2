"""``make bench-diagnose-speed``: the whole command on one large incident, start of Python included."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from agent.collect.incidentfolder import read_incident_folder
from tests.bench.systems import make_case
from tests.bench.table import show

SIZES = ((145, 8_900, 5), (1430, 40_000, 30))  # services, further series, seconds aimed at


def main() -> None:
    """Diagnose a middling and a very large system and print how long it took."""
    rows = []
    for services, extra, aim in SIZES:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "incident"
            cause = make_case(folder, 7, services, "errors", extra=extra, rows=240, logs=services < 1000)
            table = read_incident_folder(folder).table
            size = (folder / "metrics.csv").stat().st_size / 1e6
            report = Path(name) / "report.json"
            command = [
                sys.executable,
                "-m",
                "agent.cli.main",
                "diagnose",
                str(folder),
                "-o",
                str(report),
                "-q",
            ]
            began = time.perf_counter()
            subprocess.run(command, check=True)
            took = time.perf_counter() - began
            found = [one["entity"] for one in json.loads(report.read_text())["root_causes"]]
            rows.append(
                (
                    str(len(set(table.entities))),
                    f"{len(table.names):,}",
                    f"{size:.0f} MB",
                    f"{took:.1f} s",
                    f"{aim} s",
                    str(found.index(cause) + 1 if cause in found else "-"),
                )
            )
    show("opsmend diagnose", ["entities", "series", "metrics.csv", "took", "aim", "rank of the cause"], rows)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"largest process: {peak:.0f} MiB")


if __name__ == "__main__":
    main()
