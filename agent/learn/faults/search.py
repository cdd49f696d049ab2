"""Configurations in, the best of them out: tuned by successive halving, judged by time, within a budget.

Successive halving (Jamieson and Talwalkar, AISTATS 2016): all are tried on a ninth of the examples, the best
third of them on a third, the best third of those on all. What a trial has found is kept in a journal, so that
a training that was killed goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from agent.errors import ModelError
from agent.learn.faults.algorithms import Configuration, fit
from agent.learn.faults.examples import Table
from agent.learn.faults.model import spread
from agent.learn.faults.workers import GRACE_S, on_dask, on_this_machine
from agent.log import Logger
from agent.records.metrics import FloatArray, IntArray

log = Logger("train")

_SHARES = (1 / 9, 1 / 3, 1.0)  # of the examples, the newest of those that are learned from
_KEPT = 3  # one in so many goes on
_FEWEST = 120  # examples; a rung with fewer tells nothing
_FOLDS = 3

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a configuration has come to on one rung: the loss of its predictions, in nats per example."""

    configuration: str
    rung: int
    loss: float
    seconds: float


class Journal:
    """Keeps trials in a file, a line each; a line that was cut off is as if it was not there."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._trials: dict[tuple[str, int], Trial] = {}
        for line in file.read_bytes().splitlines() if file.exists() else ():
            try:
                trial = Trial(**orjson.loads(line))
            except (orjson.JSONDecodeError, TypeError):
                continue
            self._trials[trial.configuration, trial.rung] = trial

    def __len__(self) -> int:
        """Return how many trials are known."""
        return len(self._trials)

    def find(self, configuration: Configuration, rung: int) -> Trial | None:
        """Return what is known of a configuration on a rung."""
        return self._trials.get((configuration.name, rung))

    def add(self, trial: Trial) -> None:
        """Keep a trial."""
        self._trials[trial.configuration, trial.rung] = trial
        with self._file.open("ab") as stream:
            stream.write(orjson.dumps(trial) + b"\n")


def search(
    tried: Sequence[Configuration],
    table: Table,
    journal: Journal,
    budget_s: float,
    jobs: int,
    on_progress: OnProgress = lambda done, of: None,
    dask: str = "",
) -> Configuration:
    """Return the best configuration.

    No trial is begun once ``budget_s`` is used up; the best of the highest rung that was reached is taken.
    ``table`` is in the order of time, ``jobs`` the number of processes, -1 for one on each processor. Where
    ``dask`` names the scheduler of a cluster that can be used, that does the work instead.
    """
    deadline = time.monotonic() + budget_s
    if dask:
        try:
            with on_dask(dask):
                return _climb(tried, table, journal, deadline, -1, on_progress, GRACE_S)
        except Exception as error:  # whatever a cluster that is away or breaks off raises
            why = f"{error!r:.300}"
            log.warning("Dask cannot be used, this machine's processors go on", scheduler=dask, why=why)
    with on_this_machine(jobs):
        return _climb(tried, table, journal, deadline, jobs, on_progress)


def _climb(
    tried: Sequence[Configuration],
    table: Table,
    journal: Journal,
    deadline: float,
    jobs: int,
    on_progress: OnProgress,
    grace_s: float | None = None,
) -> Configuration:
    rungs = [share for share in _SHARES if share * len(table) >= _FEWEST or share == 1.0]
    counts = [max(-(-len(tried) // _KEPT**rung), 1) for rung in range(len(rungs))]
    left, best, done = list(tried), tried[0], 0
    on_progress(0, sum(counts))
    for rung, share in enumerate(rungs):
        part = table.part(slice(len(table) - round(share * len(table)), None))
        found: dict[str, float] = {}
        for trial in _trials(left[: counts[rung]], rung, part, journal, deadline, jobs, bool(done), grace_s):
            done += 1
            found[trial.configuration] = trial.loss
            on_progress(done, sum(counts))
        if not found:
            break
        left = sorted((one for one in left if one.name in found), key=lambda one: found[one.name])
        best = left[0]
    return best


def _trials(
    some: Sequence[Configuration],
    rung: int,
    table: Table,
    journal: Journal,
    deadline: float,
    jobs: int,
    may_end: bool,
    grace_s: float | None,
) -> Iterator[Trial]:
    """Yield what trials come to; with ``grace_s`` none is waited for longer than that after the deadline."""
    from concurrent.futures.process import BrokenProcessPool

    from joblib import Parallel, delayed

    known = {one.name: trial for one in some if (trial := journal.find(one, rung)) is not None}
    yield from known.values()
    missing = [one for one in some if one.name not in known]

    def begin() -> Iterator[Any]:
        for number, one in enumerate(missing):
            if time.monotonic() < deadline or not (may_end or known or number):
                yield delayed(_try)(one, rung, table)

    if missing:
        # what is not begun by the deadline never is; no arrays in shared memory that a kill would leave there
        parallel = Parallel(
            n_jobs=jobs,
            return_as="generator_unordered",
            pre_dispatch="n_jobs",
            batch_size=1,
            max_nbytes=None,
            timeout=max(deadline - time.monotonic(), 0.0) + grace_s if grace_s is not None else None,
        )
        try:
            for trial in parallel(begin()):
                journal.add(trial)
                yield trial
        except BrokenProcessPool as error:
            raise ModelError(
                "a process that tried an algorithm was killed, perhaps for want of memory; what was tried is "
                "kept: train again, with fewer processes (learn.diagnosis.jobs, --jobs 1)"
            ) from error


def _try(configuration: Configuration, rung: int, table: Table) -> Trial:
    began = time.monotonic()
    said, places = predict_by_time(configuration, table)
    loss = log_loss(said, table.part(places))
    return Trial(configuration=configuration.name, rung=rung, loss=loss, seconds=time.monotonic() - began)


def predict_by_time(configuration: Configuration, table: Table) -> tuple[FloatArray, IntArray]:
    """Return what models say of examples newer than all that they learned from, and which examples these are.

    Cross-validation by time: the second quarter is foretold from the first, the third from both, and so on.
    """
    edges = np.linspace(0, len(table), _FOLDS + 2).astype(int).tolist()
    parts, places = [], []
    for begin, end in pairwise(edges[1:]):
        early, later = table.part(slice(0, begin)), table.part(slice(begin, end))
        parts.append(_foretell(configuration, early, later.rows))
        places.append(np.arange(begin, end))
    return np.vstack(parts), np.concatenate(places)


def _foretell(configuration: Configuration, early: Table, rows: FloatArray) -> FloatArray:
    count = len(early.faults)
    if len(np.unique(early.codes)) < 2:  # nothing to tell apart yet
        return np.full((len(rows), count), 1.0 / count)
    model = fit(configuration, early.rows, early.codes, early.weights)
    return spread(model, rows, count)


def log_loss(said: FloatArray, table: Table) -> float:
    """Return the mean loss in nats; of a fault that nobody learned it is that of knowing nothing."""
    own = np.full(len(table), 1.0 / max(len(table.faults), 1))
    known = table.codes >= 0
    own[known] = said[known, table.codes[known]]
    total = float(table.weights.sum())
    return float(-(table.weights * np.log(own)).sum() / total) if total else 0.0
