"""A whole training: history read, models trained and tried, put on the shelf. Also the training process.

``python -m agent.background.train CONFIG [KIND]`` trains at the lowest priority and tells how far it is in
lines of JSON on standard output; it ends when the agent that started it is gone.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from agent.background.history import HistorySource, Trouble, read_histories
from agent.background.places import open_shelf, section_of
from agent.collect import PrometheusSource
from agent.config.models import ModelsSection
from agent.config.rulefiles import Signal
from agent.config.settings import Settings
from agent.detect.models.catalog import available
from agent.detect.models.pyoddetector import detector_class
from agent.detect.models.shelf import Generation, Shelf, detectors_of
from agent.detect.models.training import train_entities
from agent.errors import ConflictError, ModelError, OpsmendError
from agent.learn.faults.examples import TooLittleData
from agent.log import Logger
from agent.modelshelf import give_to_owner, make_folder
from agent.records.feedback import FeedbackKind

log = Logger("train")

_NICE = 19
_LOCK = "training.lock"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training is: so many done of so many signals (reading), entities, trials (tuning), steps."""

    phase: str
    done: int
    of: int


def train(
    shelf: Shelf,
    source: HistorySource,
    signals: dict[str, Signal],
    section: ModelsSection,
    end: datetime,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    troubles: Sequence[Trouble] = (),
) -> Generation:
    """Train all entities and put their models in force.

    Raises SourceError, ModelError when there is nothing to learn from, ConfigError when a member is none,
    ConflictError when another training is at work.
    """
    for path in detectors_of(section.members):
        detector_class(path)
    with alone(shelf.folder):
        histories = read_histories(
            source,
            signals,
            section,
            end,
            lambda done, of: on_progress(Progress("reading", done, of)),
            troubles,
        )
        if not histories:
            raise ModelError(
                "there is nothing to train on: no entity has two watched series with enough history "
                "(signals with 'detect: true', and a source that remembers)"
            )
        members, note = available(section.members)
        if note:
            log.warning("training goes on", note=note)
        models = train_entities(
            histories,
            members,
            section.jobs,
            lambda done: on_progress(Progress("training", done, len(histories))),
        )
        return shelf.put(
            models,
            made_at=datetime.now(UTC),
            trained_from=end - section.history,
            trained_to=end,
            note=note,
        )


def run_training(settings: Settings, on_progress: Callable[[Progress], None]) -> Generation:
    """Train as the settings say. Raises as ``train`` does, and ConfigError when the rules are wrong."""
    from agent.config import load_rules

    prometheus = settings.collect.prometheus
    source = PrometheusSource(prometheus.url, prometheus.timeout, prometheus)
    try:
        signals = dict(load_rules(settings.paths.rules).signals)
        return train(
            open_shelf(settings),
            source,
            signals,
            section_of(settings),
            source.now(),
            on_progress,
            past_troubles(settings),
        )
    finally:
        source.close()


def past_troubles(settings: Settings) -> list[Trouble]:
    """Return the times of incidents, and those that people said were missed: a fault is not to be learned."""
    from agent.store import open_stores

    if not settings.database.exists():
        return []
    stores = open_stores(settings.database, upgrade=False)
    now = datetime.now(UTC)
    try:
        incidents = [
            Trouble(entity=one.entity, host=one.host, begin=one.opened_at, end=one.closed_at or now)
            for one in stores.incidents.list(limit=1000)
        ]
        missed = [
            Trouble(entity=one.entity, host="", begin=one.since, end=one.until)
            for one in stores.feedback.list()
            if one.kind == FeedbackKind.MISSED and one.since is not None and one.until is not None
        ]
        return incidents + missed
    finally:
        stores.close()


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the lock of a shelf. Raises ConflictError."""
    make_folder(folder)
    with (folder / _LOCK).open("a") as stream:
        give_to_owner(folder / _LOCK)
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConflictError(f"another training is at work on {folder}") from error
        yield


def main(arguments: Sequence[str]) -> None:
    """Train once, at the lowest priority."""
    os.nice(_NICE)
    from agent.background.messages import incoming
    from agent.config import load_settings
    from agent.log import set_up

    lines = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no progress
    incoming()
    settings = load_settings(Path(arguments[0]))
    set_up(settings.agent.log_level, settings.agent.log_format)

    def tell(progress: Progress) -> None:
        lines.write(orjson.dumps(progress) + b"\n")
        lines.flush()

    try:
        result = _of_kind(arguments[1] if len(arguments) > 1 else "entity", settings, tell)
    except OpsmendError as error:
        result = {"failed": str(error), "waits": isinstance(error, TooLittleData)}
        lines.write(orjson.dumps(result) + b"\n")
        lines.flush()
        sys.exit(error.exit_code)
    lines.write(orjson.dumps(result) + b"\n")
    lines.flush()


def _of_kind(kind: str, settings: Settings, tell: Callable[[Progress], None]) -> dict[str, Any]:
    """Train models of a kind; return what is said of them at the end."""
    if kind == "entity":
        generation = run_training(settings, tell)
        return {"trained": len(generation.cards), "generation": generation.name}
    if kind == "failures":
        from agent.background.failuretrain import run_failure_training

        training = run_failure_training(settings, tell)
        asked = sum(one.in_force for one in training.horizons)
        return {"trained": asked, "generation": training.name, "why": training.horizons[-1].why}
    from agent.background.diagnosistrain import run_diagnosis_training

    found = run_diagnosis_training(settings, tell)
    return {
        "trained": 1,
        "generation": found.training.name,
        "why": found.training.why,
        "taken_up": found.taken_up,
    }


if __name__ == "__main__":
    main(sys.argv[1:])
