"""Examples in, a model on the shelf out: the best of several algorithms, in force only when it is better.

What a training has come to lies in a folder beside the shelf's trainings until it is done; one that was
killed is taken up again with the same examples, where it was.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from agent import __version__
from agent.errors import ModelError
from agent.learn.faults.algorithms import Configuration, configurations, fit
from agent.learn.faults.evaluation import Judged, is_better, judge
from agent.learn.faults.examples import (
    Example,
    digest_of,
    features_of,
    from_plain,
    learnable,
    plain,
    split_by_time,
    tabulate,
)
from agent.learn.faults.model import FaultModel, find_temperature
from agent.learn.faults.search import Journal, predict_by_time, search
from agent.learn.faults.shelf import FaultShelf, FaultTraining
from agent.log import Logger
from agent.modelfiles import make_folder, write_file

log = Logger("train")

_UNFINISHED = ".unfinished"
_EXAMPLES = "examples.json"
_TRIALS = "trials.jsonl"
_TAKEN_UP_FOR = timedelta(days=1)  # after which the examples have changed too much

OnProgress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What came of a training: what was kept, whether it is in force, and how many trials it took up."""

    training: FaultTraining
    in_force: bool
    taken_up: int


def train_faults(
    shelf: FaultShelf,
    gather: Callable[[], Sequence[Example]],
    now: datetime,
    budget: timedelta,
    jobs: int,
    on_progress: OnProgress = lambda phase, done, of: None,
    dask: str = "",
) -> Trained:
    """Train, and put what is best on the shelf.

    ``gather`` gives the examples, unless a training that was killed left its own. Raises ModelError when
    there is too little to learn from.
    """
    work = shelf.folder / _UNFINISHED
    examples = _taken_up(work, now) or _begun(work, gather(), now)
    early, late = split_by_time(examples)
    faults = learnable(early)
    early = [one for one in early if one.fault in faults]
    table = tabulate(early, features := features_of(early), faults)
    journal = Journal(work / _TRIALS)
    taken_up = len(journal)
    best = search(
        configurations(),
        table,
        journal,
        budget.total_seconds(),
        jobs,
        lambda done, of: on_progress("tuning", done, of),
        dask,
    )
    on_progress("judging", 0, 2)
    said, places = predict_by_time(best, table)
    model = FaultModel(
        algorithm=best.algorithm,
        features=features,
        faults=faults,
        estimator=fit(best, table.rows, table.codes, table.weights),
        temperature=find_temperature(said, table.part(places)),
    )
    on_progress("judging", 1, 2)
    own = judge_model(model, late)
    better, why = _compare(shelf, own, late)
    training = shelf.put(
        model,
        {
            "made_at": now,
            "trained_from": early[0].at,
            "trained_to": early[-1].at,
            **_described(best, model, examples),
            "figures": own.figures,
            "why": why,
        },
        in_force=better,
    )
    on_progress("judging", 2, 2)
    shutil.rmtree(work, ignore_errors=True)
    return Trained(training=training, in_force=better, taken_up=taken_up)


def judge_model(model: FaultModel, examples: Sequence[Example]) -> Judged:
    """Return how good a model is on examples."""
    table = tabulate(examples, model.features, model.faults)
    return judge(model.probabilities(table.rows), table, [one.fault for one in examples])


def _compare(shelf: FaultShelf, own: Judged, late: Sequence[Example]) -> tuple[bool, str]:
    """Return whether a model is to be put in force, and why, or why not."""
    figures = own.figures
    told = f"costs {figures.cost:.3f} per incident on {figures.examples} that were held back"
    if figures.cost >= figures.silence:
        return False, f"{told}, no less than saying nothing ({figures.silence:.3f})"
    try:
        current = shelf.current()
        if current is None:
            return True, f"{told}, less than saying nothing ({figures.silence:.3f}); there was none in force"
        before = judge_model(shelf.load(current), late)
    except ModelError as error:
        return True, f"{told}; the one in force cannot be used: {error}"
    compared = f"{told}; {current.name}, in force, {before.figures.cost:.3f}"
    if is_better(own, before):
        return True, f"{compared}, which is more than chance accounts for"
    return False, f"{compared}: not better by more than chance; it runs beside and is compared"


def _described(best: Configuration, model: FaultModel, examples: Sequence[Example]) -> dict[str, Any]:
    return {
        "algorithm": best.algorithm,
        "parameters": dict(best.parameters),
        "temperature": model.temperature,
        "features": len(model.features),
        "examples": len(examples),
        "origins": dict(Counter(one.origin for one in examples).most_common()),
        "faults": list(model.faults),
        "data": digest_of(examples),
    }


def _begun(work: Path, examples: Sequence[Example], now: datetime) -> Sequence[Example]:
    """Keep what is to be learned from, so that a killed training can be taken up. Raises ModelError."""
    learnable(split_by_time(examples)[0])  # too little leaves nothing behind
    shutil.rmtree(work, ignore_errors=True)
    make_folder(work)
    write_file(work / _TRIALS, b"")
    content = {"version": __version__, "at": now, "examples": [plain(one) for one in examples]}
    write_file(work / _EXAMPLES, orjson.dumps(content))
    return examples


def _taken_up(work: Path, now: datetime) -> Sequence[Example]:
    """Return what a training of this version learned from that was killed within a day; nothing else."""
    try:
        content = orjson.loads((work / _EXAMPLES).read_bytes())
        began = datetime.fromisoformat(content["at"])
        if content["version"] != __version__ or not timedelta(0) <= now - began < _TAKEN_UP_FOR:
            return ()
        examples = [from_plain(one) for one in content["examples"]]
    except FileNotFoundError:
        return ()
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        log.warning("what a killed training left cannot be read, it begins anew", why=str(error))
        return ()
    log.info("a training that was killed is taken up", began=began, examples=len(examples))
    return examples
