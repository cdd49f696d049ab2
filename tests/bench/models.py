"""What entity models cost: training 200 entities on a week, asking them at a poll, and the memory of it all.

``make bench-models`` (ENTITIES=200 SERIES=20 DAYS=7 JOBS=2). The entities are simulated: a daily swing that
the series of an entity share, noise of their own, bursts. Training runs in the product's own process pool;
asking is done by the product's own scoring process, over its pipe, beside a process like the agent's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from agent.background.scorer import ScorerProcess
from agent.clock import SystemClock
from agent.collect.seriesof import describe_series
from agent.config.models import MEMBERS
from agent.config.rulefiles import Signal
from agent.detect.models.client import ModelClient
from agent.detect.models.lstm import is_available
from agent.detect.models.shelf import Shelf
from agent.detect.models.training import EntityHistory, train_entities
from agent.process import ONE_THREAD, keep_memory_small
from agent.records import Frame
from tests.bench.table import show, spread

ENTITIES, SERIES = int(os.environ.get("ENTITIES", "200")), int(os.environ.get("SERIES", "20"))
DAYS, JOBS = float(os.environ.get("DAYS", "7")), int(os.environ.get("JOBS", "2"))
STEP_S = 60.0
ROLES = ("traffic", "errors", "latency", "saturation")
START = datetime(2026, 1, 5, tzinfo=UTC).timestamp()
SIGNALS = {
    f"s{number}": Signal(
        id=f"s{number}",
        summary="s",
        query="x",
        role=ROLES[number % 4],
        entity="{instance}",  # type: ignore[arg-type]
    )
    for number in range(SERIES)
}


def samples(entity: int, times: np.ndarray) -> np.ndarray:
    """Return rows x series of one entity."""
    chance = np.random.default_rng(entity)
    swing = 1 + 0.5 * np.sin(2 * np.pi * times / 86_400 + chance.uniform(0, 6))
    load = swing + np.convolve(chance.normal(0, 0.3, len(times)), np.ones(20) / 20, "same")
    values = load[:, None] * chance.uniform(1, 100, SERIES)
    values *= 1 + chance.normal(0, 0.05, values.shape)
    bursts = chance.random(values.shape) < 0.002
    return values * np.where(bursts, chance.uniform(1.2, 2, values.shape), 1)


def histories() -> Iterator[EntityHistory]:
    times = START + STEP_S * np.arange(int(DAYS * 86_400 / STEP_S))
    for entity in range(ENTITIES):
        described = [describe_series(one, {"instance": f"host{entity}"}) for one in SIGNALS.values()]
        yield EntityHistory(
            entity=f"host{entity}",
            keys=[(one.signal, one.labels) for one in described],
            values=samples(entity, times),
            step_s=STEP_S,
        )


def train(folder: Path, members: tuple[str, ...]) -> tuple[float, float, int]:
    """Train and put on the shelf; return seconds, CPU seconds and the largest memory in bytes."""
    code = "from tests.bench.models import train_here; train_here()"
    environment = {**os.environ, **ONE_THREAD, "SHELF": str(folder), "MEMBERS": ",".join(members)}
    before, began = os.times(), time.monotonic()
    process = subprocess.Popen([sys.executable, "-c", code], env=environment)
    largest = 0
    while process.poll() is None:
        largest = max(largest, memory(process.pid) + sum(memory(one) for one in children(process.pid)))
        time.sleep(0.2)
    assert process.returncode == 0
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return time.monotonic() - began, cpu, largest


def train_here() -> None:
    """Train in this process and its pool."""
    models = train_entities(histories(), os.environ["MEMBERS"].split(","), JOBS)
    now = datetime.fromtimestamp(START, UTC)
    Shelf(Path(os.environ["SHELF"])).put(
        models, made_at=now, trained_from=now, trained_to=now + timedelta(days=DAYS)
    )


def ask(folder: Path) -> tuple[list[float], list[float], int, int, int]:
    """Ask for 20 polls; return seconds and CPU per poll, memory here before and after, and of the scorer."""
    times = START + DAYS * 86_400 + 15.0 * np.arange(240)
    described = [
        describe_series(one, {"instance": f"host{entity}"})
        for entity in range(ENTITIES)
        for one in SIGNALS.values()
    ]
    values = np.concatenate([samples(entity, times).T for entity in range(ENTITIES)])
    rows = {id_: np.array([n for n, one in enumerate(described) if one.signal == id_]) for id_ in SIGNALS}
    frame = Frame(
        at=datetime.fromtimestamp(times[-1], UTC),
        times=times,
        values=values,
        series=described,
        rows=rows,
        answered=frozenset(rows),
    )
    keep_memory_small()
    before = memory(os.getpid())
    scorer = ScorerProcess((folder, folder / "diagnosis"), (), 60.0, SystemClock(), lambda: True)
    client = ModelClient(scorer)
    client.findings(frame)
    took, cpu = [], []
    for _ in range(20):
        began, used = time.monotonic(), cpu_s(scorer.pid)
        client.findings(frame)
        took.append(time.monotonic() - began)
        cpu.append(cpu_s(scorer.pid) - used)
    assert client.status["models"] == ENTITIES
    sizes = memory(os.getpid()), memory(scorer.pid or 0)
    scorer.stop()
    return took, cpu, before, *sizes


def memory(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS")), 0)


def children(pid: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def cpu_s(pid: int | None) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure and print the table."""
    plain = tuple(name for name in MEMBERS if name != "lstm")
    rows = []
    with tempfile.TemporaryDirectory() as name:
        seconds, cpu, largest = train(Path(name) / "plain", plain)
        rows.append(
            ["trained without LSTM", f"{seconds:.1f} s (CPU {cpu:.1f} s)", f"{largest >> 20} MiB at most"]
        )
        shelf = Path(name) / "plain"
        if is_available():
            shelf = Path(name) / "deep"
            with_lstm, cpu, largest = train(shelf, MEMBERS)
            rows.append(
                ["trained with LSTM", f"{with_lstm:.1f} s (CPU {cpu:.1f} s)", f"{largest >> 20} MiB at most"]
            )
            rows.append(["more for LSTM", f"{with_lstm - seconds:.1f} s", ""])
        else:
            rows.append(["trained with LSTM", "the extra deep is not installed", ""])
        size = sum(file.stat().st_size for file in shelf.glob("*/*.skops"))
        took, cpus, before, here, scorer = ask(shelf)
    rows += [
        ["one poll asked and answered", spread(took), ""],
        ["CPU of the scoring process, per poll", spread(cpus), ""],
        ["scoring process", "", f"{scorer >> 20} MiB"],
        ["the asking process grew by", "", f"{(here - before) / 2**20:.1f} MiB"],
        ["on the shelf", "", f"{size >> 20} MiB"],
    ]
    show(
        f"{ENTITIES} entities x {SERIES} series, {DAYS:g} days, {JOBS} processes",
        ["what", "time", "memory"],
        rows,
    )


if __name__ == "__main__":
    main()
