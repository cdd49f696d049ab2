"""``make bench-predict DATA=folder``: runs to a failure, and groups in which nothing fails.

The folder holds ``forecast/<run>/metrics.csv.gz`` and ``truth.json`` (``fault_minute``, ``failure_minute``).
The run ``redis-e1`` chose the constants of ``agent.predict.shifts``; others only judge. Lead is from the
first alarm at or after the fault to the failure.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from agent.collect.metricsfile import read_metrics
from agent.predict.replay import PredictionReplay
from agent.records import BoolArray, FloatArray, Frame, Series
from tests.bench.table import show

HORIZON = timedelta(hours=2)
CHOSE = "redis-e1"
HOSTS, METRICS, MINUTES = 12, 30, 1440


def main() -> None:
    """Print leads, and how often there was an alarm without need."""
    data = os.environ.get("DATA")
    if data:
        rows = [_run(folder) for folder in sorted(Path(data).glob("forecast/*/"))]
        show("recorded runs", ["run", "lead", "of the time", "alarm from then on", "false before"], rows)
    rates = [float(_alarms(healthy_group(seed)).mean()) for seed in range(100, 105)]
    told = [[str(100 + number), f"{rate:.2%}"] for number, rate in enumerate(rates)]
    show(f"healthy groups of {HOSTS} hosts, a day", ["seed", "minutes with an alarm"], told)


def _run(folder: Path) -> list[str]:
    truth = json.loads((folder / "truth.json").read_text())
    alarm = _alarms(read_metrics(folder / "metrics.csv.gz").frame)
    fault, failure = truth["fault_minute"], truth["failure_minute"]
    before, after = alarm[: fault - 1], alarm[fault - 1 : failure - 1]
    first = int(np.argmax(after)) if after.any() else len(after)
    lead = failure - fault - first
    name = folder.name + (" (chose)" if folder.name == CHOSE else "")
    stays = f"{after[first:].mean():.2f}" if lead else "-"
    return [name, f"{lead} min", f"{lead / (failure - fault):.0%}", stays, f"{before.mean():.3f}"]


def _alarms(frame: Frame) -> BoolArray:
    rows = PredictionReplay(frame, HORIZON).run()
    return np.array([any(one.alarm for one in row) for row in rows])


def healthy_group(seed: int) -> Frame:
    """Return a day of hosts that share one load: noise, drifts of their own, bursts, a redeploy of all."""
    rng = np.random.default_rng(seed)
    minutes = np.arange(MINUTES)
    load = 10 + 3 * np.sin(2 * np.pi * minutes / 1440) + np.where(minutes > 700, 4.0, 0.0)
    series, values = [], []
    for host in range(HOSTS):
        for metric in range(METRICS):
            name = f'm{metric}{{instance="h{host}"}}'
            series.append(Series(signal=name, entity=f"h{host}", labels={"instance": f"h{host}"}))
            values.append(_course(rng, load, metric))
    return Frame(
        at=datetime.fromtimestamp(1.7e9 + 60.0 * (MINUTES - 1), UTC),
        times=1.7e9 + 60.0 * minutes,
        values=np.stack(values).astype(np.float32),
        series=series,
        rows={one.signal: np.array([row]) for row, one in enumerate(series)},
        answered=frozenset(one.signal for one in series),
    )


def _course(rng: np.random.Generator, load: FloatArray, metric: int) -> FloatArray:
    noise = rng.normal(0, 0.3, len(load))
    kind = metric % 3
    if kind == 0:  # follows the load
        return load * (1 + 0.05 * rng.random()) + noise
    if kind == 1:  # wanders
        return 50 + np.cumsum(0.05 * rng.normal(size=len(load))) + noise
    bursts = rng.random(len(load)) < 0.01
    return 5 + noise + np.where(bursts, 20.0, 0.0)


if __name__ == "__main__":
    main()
