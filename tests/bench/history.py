"""What the minutes before an incident would add to the trained diagnosis, which knows its symptoms alone.

``make bench-history`` (SEED=100): 600 simulated services, each with one fault or a change that is none, go
through the detector. Of each incident the symptoms two minutes after it opened are known, and how far each of
six metrics then is off its last two hours, beside 40 others of the host that nothing happens to. ``half
remembered``: the older half of the incidents is older than the source's memory. It is split by time.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from agent.config.rulefiles import Signal
from agent.config.settings import DetectSection
from agent.detect.engine import Engine
from agent.learn.failures.features import STEP_S, deviations
from agent.learn.failures.moments import Moments
from agent.learn.faults.algorithms import IMPUTED, Configuration, fit
from agent.learn.faults.evaluation import Judged, judge
from agent.learn.faults.examples import HEALTHY, Example, features_of, learnable, split_by_time, tabulate
from agent.learn.faults.model import find_temperature, spread, tempered
from agent.learn.faults.search import log_loss, predict_by_time
from agent.records import FloatArray, Frame, Series
from tests.bench.systems import EPOCH, _choose_cause, _reachable, _simulate, make_system
from tests.bench.table import show

CASES, ROWS, OTHERS, MINUTE_S = 600, 260, 40, 60.0
NAMES = {
    "cpu_usage_cores": "high",
    "memory_working_set_bytes": "high",
    "requests_per_second": "both",
    "latency_mean_seconds": "high",
    "latency_p99_seconds": "high",
    "error_ratio": "high",
}
FAULTS = ("cpu", "memory", "delay", "errors", "down", "surge", HEALTHY)
TRIED = [Configuration(algorithm=IMPUTED, parameters={"C": c}) for c in (0.5, 2.0, 10.0)]


@dataclass(frozen=True)
class Case:
    """A service: what happens to it from which row on, and its metrics by row."""

    fault: str
    begin: int
    values: FloatArray


def make(seed: int) -> Case:
    """Simulate one."""
    rng = np.random.default_rng(seed)
    system, fault = make_system(rng, 8), FAULTS[int(rng.integers(len(FAULTS)))]
    cause = _choose_cause(rng, system, fault, _reachable(system))
    begin = int(rng.integers(190, 225))
    shown = _simulate(rng, system, fault, cause, begin, ROWS)
    values = np.array([shown[f'{name}{{service="{cause}"}}'] for name in NAMES])
    if fault == HEALTHY:  # a change that hurts nobody
        values[int(rng.integers(len(NAMES))), begin:] *= rng.uniform(1.3, 3.0)
    values[rng.random(values.shape) < 0.005] = np.nan
    return Case(fault, begin, values)


def watch(cases: Sequence[Case]) -> Mapping[int, tuple[int, dict[str, float]]]:
    """Return of each case that opened an incident the row two minutes later, and the symptoms there."""
    values, times = np.concatenate([one.values for one in cases]), EPOCH + MINUTE_S * np.arange(ROWS)
    series = [
        Series(signal=name, entity=str(number), labels={"service": str(number)})
        for number in range(len(cases))
        for name in NAMES
    ]
    rows = {name: np.arange(place, len(series), len(NAMES)) for place, name in enumerate(NAMES)}
    signals = {
        name: Signal(id=name, summary=name, query=name, bad=bad, role="saturation")
        for name, bad in NAMES.items()
    }
    engine = Engine(signals, DetectSection())
    opened: dict[int, int] = {}
    found: dict[int, tuple[int, dict[str, float]]] = {}
    for row, at in enumerate(times.tolist()):
        part = slice(max(row - 239, 0), row + 1)
        anomalies = engine.observe(
            Frame(
                at=datetime.fromtimestamp(at, UTC),
                times=times[part],
                values=values[:, part],
                series=series,
                rows=rows,
                answered=frozenset(rows),
            )
        )
        seen: dict[int, dict[str, float]] = {}
        for one in anomalies:
            seen.setdefault(int(one.entity), {}).update(
                {f"{kind}:{one.signal}": 1.0 for kind in ("signal", "anomaly")}
            )
        for number in np.flatnonzero(values[rows["error_ratio"], row] > 0.05).tolist():
            seen.setdefault(number, {})["signal:error_ratio"] = 1.0
        for number, symptoms in seen.items():
            if row >= cases[number].begin and row - opened.setdefault(number, row) == 2:
                found[number] = row, symptoms
    return found


def history(cases: Sequence[Case], rows: Mapping[int, int], seed: int) -> Mapping[str, FloatArray]:
    """Return by name how far each metric is off its past at each case's row, and moved: by minutes."""
    chance = np.random.default_rng(seed)
    moments = Moments(
        [str(number) for number in range(len(cases))],
        np.array([*rows], np.intp),
        np.array([*rows.values()]) * STEP_S,  # a step is a minute here
        np.ones(len(rows)),
    )
    metrics = {name: np.stack([one.values[place] for one in cases]) for place, name in enumerate(NAMES)}
    for number in range(OTHERS):
        own = 10 * np.exp(chance.normal(0, chance.uniform(0.02, 0.3), (len(cases), ROWS)))
        own[chance.random(len(cases)) < 0.1, int(chance.integers(100, 240)) :] *= 1.5
        metrics[f"other{number}"] = own
    columns: dict[str, FloatArray] = {}
    for name, values in metrics.items():
        found = deviations(values, np.arange(len(cases)), NAMES.get(name, "both"), moments, 0.0)
        columns |= {f"off:{name}": found.off, f"moved:{name}": found.moved}
    return columns


def train(examples: Sequence[Example]) -> Judged:
    """Train on the older incidents as the agent does, and judge on the newest."""
    early, late = split_by_time(examples)
    faults, features = learnable(early), features_of(early)
    table, held = (tabulate(part, features, faults) for part in (early, late))
    tried = [(one, *predict_by_time(one, table)) for one in TRIED]
    best, said, places = min(tried, key=lambda one: log_loss(one[1], table.part(one[2])))
    temperature = find_temperature(said, table.part(places))
    model = fit(best, table.rows, table.codes, table.weights)
    answers = tempered(spread(model, held.rows, len(faults)), temperature)
    return judge(answers, held, [one.fault for one in late])


def main() -> None:
    """Simulate, train with and without, print."""
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    cases = [make(seed * 100_000 + number) for number in range(CASES)]
    found = watch(cases)
    columns = history(cases, {number: row for number, (row, _) in found.items()}, seed)

    def examples(remembered: float) -> Iterator[Example]:
        for place, (number, (_, symptoms)) in enumerate(found.items()):
            known = place >= (1 - remembered) * len(found)
            past = {name: float(column[place]) if known else np.nan for name, column in columns.items()}
            yield Example(
                id=str(number),
                at=datetime(2026, 1, 5, tzinfo=UTC) + timedelta(hours=place),
                fault=cases[number].fault,
                origin="person",
                features={**symptoms, **(past if remembered else {})},
            )

    judged = {
        name: train(list(examples(share)))
        for name, share in {"symptoms alone": 0.0, "and minutes before": 1.0, "half remembered": 0.5}.items()
    }
    alone = judged["symptoms alone"]
    rows = []
    for name, one in judged.items():
        figures, saved = one.figures, alone.costs - one.costs
        of_faults = [(fault.precision or 0.0, fault.recall or 0.0) for fault in figures.faults]
        precision, recall = np.mean(of_faults, axis=0)
        rows.append(
            [
                name, f"{precision:.3f}", f"{recall:.3f}", f"{figures.cost:.3f}", f"{figures.log_loss:.3f}",
                f"{figures.calibration_error:.3f}",
                f"{saved.mean():.3f} ± {saved.std() / np.sqrt(len(saved)):.3f}",
            ]
        )  # fmt: skip
    show(
        f"{len(found)} incidents, {alone.figures.examples} held back, seed {seed}",
        ["known", "precision", "recall", "cost", "log loss", "calibration error", "saves"],
        rows,
    )


if __name__ == "__main__":
    main()
