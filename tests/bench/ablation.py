"""What each mechanism of detection is worth: everything measured with it, and without it.

``make bench-ablation`` (DATA=folder, WITHOUT="models,absence" for some of them). Simulated systems with
anomalies of all kinds, simulated entities with all that makes false alarms, both sampled every five minutes;
with DATA also those recorded cases of the folder that chose the constants (``CHOOSING``), of each file the
last ``MOST_ROWS`` rows. What is no better with than without has no place in the detector.
"""

from __future__ import annotations

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
from agent.detect.models.replayed import ReplayedModels
from agent.detect.predictor import Errors, Predictor
from agent.detect.replay import Replay
from agent.detect.returns import ReturnPeriods
from agent.detect.scores import Scores
from agent.detect.season import Season
from agent.detect.silence import Absence, Stillness
from agent.records import Frame
from tests.bench import detect_kinds
from tests.bench.detect import compared, labels_of
from tests.bench.live import Watched, watch
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
ENTITIES, SERIES, ENTITY_DAYS = 12, 12, 50

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
        line = [name, *_simulated(), *(_recorded(data) if data else [])]
    print(*line, sep="\t", file=sys.stderr, flush=True)
    return line


def without_member(name: str, data: Path) -> list[str]:
    """Return a line of the table of models' members."""
    left = tuple(one for one in MEMBERS if one not in (name, "lstm"))
    settings = DetectSection(models=ModelsSection(members=left))
    return [name, *_recorded(data, settings, [case for case in CHOOSING if case.startswith("multi")])]


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
    made: list[tuple[np.ndarray, np.ndarray]] = []
    seed = SEED
    while len(made) < ENTITIES:
        values, label, step_s = make_entity(seed, SERIES)
        seed += 1
        if step_s == STEP_S:
            made.append((values, label))
    times = FIRST_DAY + STEP_S * np.arange(len(made[0][1]), dtype=float)
    half = int(LEARNT * len(times))
    alarming = watch([values.T for values, _ in made], times)
    some = [
        Watched(open_[half:], label[half:], STEP_S / DAY_S)
        for open_, (_, label) in zip(alarming, made, strict=True)
    ]
    found, faults = sum(one.found for one in some), sum(len(one.faults) for one in some)
    return [f"{found / faults:.3f}", f"{mean(one.false_per_day for one in some):.3f}"]


def _recorded(
    data: Path, settings: DetectSection | None = None, cases: Sequence[str] = CHOOSING
) -> list[str]:
    done = [_case(data / case, settings) for case in cases]
    return [
        f"{mean(one.precision for one in done):.3f}",
        f"{mean(one.own / max(one.best, 1e-9) for one in done):.2f}",
        f"{mean(one.own for one in done):.3f}",
        f"{mean(one.false for one in done):.2f}",
    ]


def _case(case: Path, settings: DetectSection | None) -> Recorded:
    frame, detector = _replay(case, settings)
    (verdicts,) = detector.run()
    labels = labels_of(case)
    label = np.array([labels.get(float(at), -1) for at in frame.times])
    kept = label >= 0
    label, score, flag = label[kept], verdicts.score[kept], verdicts.anomalous[kept].astype(int)
    days = float(frame.times[kept][-1] - frame.times[kept][0]) / DAY_S
    own, best, false = compared(score, flag, label, days)
    return Recorded(float(average_precision_score(label, score)), own, best, false)


_trained: dict[Path, ReplayedModels] = {}


def _replay(case: Path, settings: DetectSection | None = None) -> tuple[Frame, Replay]:
    """Return a case, and the detector over it; models are trained once, no mechanism is a part of that."""
    train, test = case / "train.csv.gz", case / "test.csv.gz"
    learned = _last_rows(train) if train.exists() else None
    frame = _last_rows(test if train.exists() else case / "metrics.csv.gz")

    def train_once(*given: Any) -> ReplayedModels:
        if case not in _trained:
            _trained[case] = ReplayedModels(*given)
        return copy(_trained[case])

    if settings is not None:
        return frame, Replay(frame, learned, settings)
    with patch.object(replay, "ReplayedModels", train_once):
        return frame, Replay(frame, learned)


def _last_rows(file: Path) -> Frame:
    frame, part = read_metrics(file).frame, slice(-MOST_ROWS, None)
    return replace(frame, times=frame.times[part], values=frame.values[:, part])


def main() -> None:
    """Print the tables."""
    began = time.monotonic()
    data = Path(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1] else None
    if data:
        for case in CHOOSING:
            _replay(data / case)
    wanted = [name for name in os.environ.get("WITHOUT", "").split(",") if name]
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(2, mp_context=context, max_tasks_per_child=None) as pool:
        done = [pool.submit(without, name, data) for name in wanted or MECHANISMS]
        members = (
            [pool.submit(without_member, name, data) for name in MEMBERS if name != "lstm"]
            if data and not wanted
            else []
        )
        recorded = ["AUC-PR", "share of best F1", "F1", "false/day"]
        columns = ["without", "kinds found", "false/day", "faults found", "false/day"]
        rows = [one.result() for one in done]
        show("detection without one mechanism", columns + (recorded if data else []), rows)
        if members:
            show("models without one member", ["without", *recorded], [one.result() for one in members])
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
