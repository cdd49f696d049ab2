"""What each mechanism of detection is worth: everything measured with it, and without it.

``make bench-ablation`` (DATA=folder, WITHOUT="models,absence" for some of them). Simulated systems with
anomalies of all kinds, simulated entities with all that makes false alarms, both sampled every five minutes;
with DATA also those recorded cases of the folder that chose the constants (``CHOOSING``), of each file the
last ``MOST_ROWS`` rows, machines and single series apart. Members of the ensemble are left out, and asked
alone, over recorded machines and simulated entities (MEMBERS=1 for nothing but that). What is no better with
than without has no place in the detector.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any
from unittest.mock import patch

import numpy as np
from sklearn.metrics import average_precision_score

from agent.collect.metricsfile import read_metrics
from agent.config.models import MEMBERS, ModelsSection
from agent.config.settings import DetectSection
from agent.detect import calendar, entities, replay, scores
from agent.detect.blockmaxima import BlockMaxima
from agent.detect.entities import EntityDetector
from agent.detect.episodes import SeriesDetector
from agent.detect.models.catalog import LSTM
from agent.detect.models.replayed import ReplayedModels
from agent.detect.predictor import Errors, Predictor
from agent.detect.replay import Replay
from agent.detect.returns import ReturnPeriods
from agent.detect.scores import Scores
from agent.detect.season import Season
from agent.detect.silence import Absence, Stillness
from agent.records import Frame, Series
from tests.bench import detect_kinds
from tests.bench.detect import compared, labels_of
from tests.bench.live import Watched, watch
from tests.bench.polled import frame_at
from tests.bench.simulated import DAY_S, FIRST_DAY
from tests.bench.simulatedentities import LEARNT, make_entity
from tests.bench.table import show

CHOOSING = (
    "multivariate/asd-omi-1",
    "multivariate/asd-omi-4",
    "multivariate/smd-machine-1-6",
    "multivariate/smd-machine-3-4",
    "univariate/kpi-02",
    "univariate/kpi-05",
    "univariate/kpi-07",
    "univariate/kpi-10",
)
MOST_ROWS = 10_000
STEP_S = 300
SEED = 7_000_000
ENTITIES, SERIES, ASKED = 12, 12, 6
KINDS = {"multivariate": "machines", "univariate": "series"}  # of recorded cases

Without = Callable[[], AbstractContextManager[Any]]


def _put(where: Any, name: str, value: Any) -> Without:
    return lambda: patch.object(where, name, value)


def _unknown_season(self: Season, at: float) -> tuple[np.ndarray, np.ndarray]:
    count = len(self.now)
    return np.full(count, np.nan), np.zeros(count, bool)


@contextmanager
def _one_error(name: str) -> Iterator[None]:
    """Let scores go by one of the two errors."""
    look = Scores.look

    def look_at_one(self: Scores, errors: Errors, *rest: Any) -> np.ndarray:
        one = getattr(errors, name)
        return look(self, replace(errors, now=one, usual=one), *rest)

    with patch.object(Scores, "look", look_at_one):
        yield


def _sure_season(expected: Callable[..., Any]) -> Callable[..., Any]:
    def look_up(self: Season, at: float) -> tuple[np.ndarray, np.ndarray]:
        usual, sure = expected(self, at)
        return np.where(sure, usual, np.nan), sure

    return look_up


def _nothing(self: Any, values: np.ndarray, *rest: Any) -> np.ndarray:
    return np.zeros(len(values))


@contextmanager
def _alone() -> Iterator[None]:
    """Let entities be alarming only by their series."""
    observe = EntityDetector.observe

    def scores_only(self: EntityDetector, *given: Any, **named: Any) -> tuple[()]:
        observe(self, *given, **named)
        return ()

    with patch.object(EntityDetector, "observe", scores_only):
        yield


MECHANISMS: Mapping[str, Without] = {
    "nothing": ExitStack,
    "season of the day": _put(Season, "expected", _unknown_season),
    "all days until those alike are known": _put(Season, "expected", _sure_season(Season.expected)),
    "days of rest": _put(calendar.LocalCalendar, "rests", lambda self, day: False),
    "learned forecast": _put(Predictor, "_solve", lambda self, where: None),
    "error of the forecast": lambda: _one_error("usual"),
    "error against what is usual": lambda: _one_error("now"),
    "means over 2, 4, 8 samples": _put(scores, "_SPANS", np.array([1.0])),
    "return period of each series": _put(BlockMaxima, "_place", lambda self, which: None),
    "half hours of young rows": _put(ReturnPeriods, "_young", property(lambda self: self._week.blocks < 0)),
    "giving way while open": _put(Predictor, "_give_way", lambda self, *given: None),
    "stillness": _put(Stillness, "look", _nothing),
    "absence": _put(Absence, "look", _nothing),
    "anomalies of single series": _put(SeriesDetector, "_open_new", lambda self, *given: None),
    "anomalies of whole entities": _alone,
    "means over minutes of an entity": _put(entities, "_SPANS_S", np.array([1.0])),
    "models": _put(ReplayedModels, "findings", lambda self, frame: {}),
}


@dataclass(frozen=True, slots=True)
class Recorded:
    """Area under precision and recall, F1 at the own threshold and the best, false alarms a day."""

    precision: float
    own: float
    best: float
    false: float


def without(name: str, data: Path | None) -> list[str]:
    """Return a line of the table: everything without one mechanism."""
    with MECHANISMS[name]():
        line = [name, *_simulated()]
        if data:
            for kind in KINDS:
                line += _mean([_judge(*_replay(data / case)) for case in CHOOSING if case.startswith(kind)])
    print(*line, sep="\t", file=sys.stderr, flush=True)
    return line


def ensembles() -> Mapping[str, DetectSection]:
    """Return the ensembles of models to compare, by what they are called."""
    members = tuple(name for name in MEMBERS if name != LSTM)
    chosen = {"all members": members}
    chosen |= {f"without {name}": tuple(one for one in members if one != name) for name in members}
    chosen |= {f"{name} alone": (name,) for name in members}
    return {name: DetectSection(models=ModelsSection(members=some)) for name, some in chosen.items()} | {
        "no models": DetectSection(models=ModelsSection(enabled=False))
    }


def with_ensemble(name: str, settings: DetectSection, data: Path) -> list[str]:
    """Return a line of the table of models' members."""
    machines = [_read(data / case) for case in CHOOSING if case.startswith("multi")]
    line = [name]
    for cases in (machines, list(_simulated_machines())):
        line += _mean([_judge(frame, Replay(frame, past, settings), label) for frame, past, label in cases])
    print(*line, sep="\t", file=sys.stderr, flush=True)
    return line


def _simulated_machines() -> Iterator[tuple[Frame, Frame, np.ndarray]]:
    """Yield simulated entities: what is judged, what came before it, and the label of each judged row."""
    series = [Series(f"m{n}", "e", {"host": "e"}) for n in range(SERIES)]
    rows = {one.signal: np.array([n]) for n, one in enumerate(series)}
    for values, label in _made(ASKED):
        half = int(LEARNT * len(label))
        times = FIRST_DAY + STEP_S * np.arange(len(label), dtype=float)
        past, judged = (
            frame_at(times[part], values[part].T, series, rows) for part in (slice(half), slice(half, None))
        )
        yield judged, past, label[half:].astype(int)


def _simulated() -> list[str]:
    with patch.object(detect_kinds, "STEP_S", STEP_S):
        judged = detect_kinds.judge(detect_kinds.systems(STEP_S, (3, 6), SEED, 1))
    events = [(one, event) for one in judged for event in one.system.events]
    rows = [{verdict.row for verdict in one.verdicts} for one in judged]
    seen = {id(one): some for one, some in zip(judged, rows, strict=True)}
    found = sum(
        any(event.first <= row < event.last + detect_kinds.GRACE_ROWS for row in seen[id(one)])
        for one, event in events
    )
    young = detect_kinds.LEARNING_DAYS * DAY_S // STEP_S
    false = sum(
        part[0].row >= young and not any(one.truth(verdict.row) for verdict in part)
        for one in judged
        for part in one.episodes()
    )
    days = len(judged) * (detect_kinds.DAYS - detect_kinds.LEARNING_DAYS)
    return [f"{found / len(events):.3f}", f"{false / days:.3f}", *_entities()]


def _entities() -> list[str]:
    made = _made(ENTITIES)
    times = FIRST_DAY + STEP_S * np.arange(len(made[0][1]), dtype=float)
    half = int(LEARNT * len(times))
    alarming = watch([values.T for values, _ in made], times)
    some = [
        Watched(open_[half:], label[half:], STEP_S / DAY_S)
        for open_, (_, label) in zip(alarming, made, strict=True)
    ]
    found, faults = sum(one.found for one in some), sum(len(one.faults) for one in some)
    return [f"{found / faults:.3f}", f"{mean(one.false_per_day for one in some):.3f}"]


def _made(count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return so many simulated entities, rows x series, with the label of each row."""
    drawn = (make_entity(seed, SERIES) for seed in itertools.count(SEED))
    every = ((values, label) for values, label, step_s in drawn if step_s == STEP_S)
    return list(itertools.islice(every, count))


def _mean(done: Sequence[Recorded]) -> list[str]:
    return [
        f"{mean(one.precision for one in done):.3f}",
        f"{mean(one.own / max(one.best, 1e-9) for one in done):.2f}",
        f"{mean(one.own for one in done):.3f}",
        f"{mean(one.false for one in done):.2f}",
    ]


def _judge(frame: Frame, detector: Replay, label: np.ndarray) -> Recorded:
    (verdicts,) = detector.run()
    kept = label >= 0
    label, score, flag = label[kept], verdicts.score[kept], verdicts.anomalous[kept].astype(int)
    days = float(frame.times[kept][-1] - frame.times[kept][0]) / DAY_S
    own, best, false = compared(score, flag, label, days)
    return Recorded(float(average_precision_score(label, score)), own, best, false)


_trained: dict[Path, ReplayedModels] = {}


def _replay(case: Path) -> tuple[Frame, Replay, np.ndarray]:
    """Return a case, and the detector over it; models are trained once, no mechanism is a part of that."""
    frame, learned, label = _read(case)

    def train_once(*given: Any) -> ReplayedModels:
        if case not in _trained:
            _trained[case] = ReplayedModels(*given)
        return copy(_trained[case])

    with patch.object(replay, "ReplayedModels", train_once):
        return frame, Replay(frame, learned), label


def _read(case: Path) -> tuple[Frame, Frame | None, np.ndarray]:
    """Return what is judged of a case, what came before it, and the label of each judged row."""
    train, test = case / "train.csv.gz", case / "test.csv.gz"
    frame = _last_rows(test if train.exists() else case / "metrics.csv.gz")
    labels = labels_of(case)
    label = np.array([labels.get(at, -1) for at in frame.times.tolist()])
    return frame, _last_rows(train) if train.exists() else None, label


def _last_rows(file: Path) -> Frame:
    frame, part = read_metrics(file).frame, slice(-MOST_ROWS, None)
    return replace(frame, times=frame.times[part], values=frame.values[:, part])


def main() -> None:
    """Print the tables."""
    began = time.monotonic()
    data = Path(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1] else None
    wanted = [name for name in os.environ.get("WITHOUT", "").split(",") if name]
    chosen = {} if os.environ.get("MEMBERS") else dict.fromkeys(wanted or MECHANISMS)
    if data and chosen:
        for case in CHOOSING:
            _replay(data / case)
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(2, mp_context=context, max_tasks_per_child=None) as pool:
        done = [pool.submit(without, name, data) for name in chosen]
        members = (
            [pool.submit(with_ensemble, *one, data) for one in ensembles().items()]
            if data and not wanted
            else []
        )
        measures = ["AUC-PR", "share of best F1", "F1", "false/day"]
        simulated = ["kinds found", "false/day", "faults found", "false/day"]
        recorded = [f"{kind}: {one}" for kind in KINDS.values() for one in measures]
        if done:
            columns = ["without", *simulated, *(recorded if data else [])]
            show("detection without one mechanism", columns, [one.result() for one in done])
        if members:
            columns = [f"{kind}: {one}" for kind in ("recorded", "simulated") for one in measures]
            rows = [one.result() for one in members]
            show("whole entities, by the models' members", ["members", *columns], rows)
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
