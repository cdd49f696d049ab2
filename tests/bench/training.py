"""What training the diagnosis costs: 5,000 synthetic incidents of 200 features, in the product's own process.

``make bench-train`` (INCIDENTS=5000 SIGNALS=200 FAULTS=12). Once undisturbed, and once killed (SIGKILL) half
way and begun again: the second must go on where the first was, or this fails. All processors are used, at
lowest priority.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from agent.config import load_settings
from agent.store import open_stores
from tests.bench.table import show
from tests.incidents import keep_past, past

INCIDENTS, SIGNALS = int(os.environ.get("INCIDENTS", "5000")), int(os.environ.get("SIGNALS", "200"))
FAULTS = int(os.environ.get("FAULTS", "12"))
BEGIN = datetime(2026, 1, 5, tzinfo=UTC)


def site(folder: Path) -> Path:
    """Write the settings of an agent whose store holds the incidents."""
    config = folder / "opsmend.yml"
    settings = {"agent": {"state_dir": str(folder / "state")}, "paths": {"rules": str(folder / "rules")}}
    config.write_text(yaml.safe_dump(settings))
    names = [{"id": f"fault{number}", "summary": "s"} for number in range(FAULTS)]
    (folder / "rules").mkdir()
    (folder / "rules" / "faults.yml").write_text(yaml.safe_dump({"faults": names}))
    database = load_settings(config, {}).database
    database.parent.mkdir(exist_ok=True)
    stores = open_stores(database)
    keep_past(stores, past(INCIDENTS, SIGNALS, FAULTS, BEGIN))
    stores.close()
    return config


def train(config: Path) -> Iterator[dict[str, Any]]:
    """Yield what a training says of itself; it is killed when nobody listens any more."""
    command = [sys.executable, "-m", "agent.background.train", str(config), "diagnosis"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            yield json.loads(line)
        process.wait()
    finally:
        process.kill()
        process.wait()


def timed(config: Path, until: int | None = None) -> tuple[float, int, dict[str, Any]]:
    """Train, or be killed after so many trials; return seconds, trials, and what was said last."""
    began, trials, said = time.monotonic(), 0, {}
    for said in train(config):
        if said.get("phase") == "tuning":
            trials = said["done"]
            if until is not None and trials >= until:
                break
    return time.monotonic() - began, trials, said


def main() -> None:
    """Measure."""
    with tempfile.TemporaryDirectory() as name:
        began = time.monotonic()
        config = site(Path(name))
        print(f"{INCIDENTS} incidents written in {time.monotonic() - began:.0f} s", flush=True)
        whole, trials, said = timed(config)
        print(said["why"], flush=True)
        killed, before, _ = timed(config, until=trials // 2)
        resumed, after, last = timed(config)
        if not before or last["taken_up"] < before:
            sys.exit(
                f"{before} trials were done when it was killed, {last['taken_up']} of them were taken up"
            )
        kept = sorted((Path(name) / "state/models/diagnosis").glob("2*/manifest.json"))
        figures = json.loads(kept[0].read_text())
        rows = [
            ["undisturbed", f"{whole:.0f} s", str(trials), "0", figures["algorithm"]],
            ["killed half way", f"{killed:.0f} s", str(before), "0", ""],
            ["begun again", f"{resumed:.0f} s", str(after), str(last["taken_up"]), last["generation"]],
        ]
        faults = len(figures["faults"])
        title = f"{figures['examples']} incidents, {figures['features']} features, {faults} faults"
        show(title, ["training", "took", "trials", "taken up", "came to"], rows)
        found = figures["figures"]
        print(
            f"on {found['examples']} held back: names {found['named']:.1%}, right in {found['accuracy']:.1%} "
            f"of these, cost {found['cost']:.3f} (silence {found['silence']:.3f}), calibration error "
            f"{found['calibration_error']:.3f}"
        )


if __name__ == "__main__":
    main()
