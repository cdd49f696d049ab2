"""``opsmend train --failures`` and what only the model of how likely hosts fail has to show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.markup import escape

from agent.background.failuretrain import run_failure_training
from agent.background.places import open_foresight_shelf
from agent.cli.common import settings_of_state
from agent.cli.output import console, print_json, print_table
from agent.cli.trainings import following
from agent.config import Settings
from agent.errors import NotFoundError
from agent.learn.failures.model import Judged
from agent.learn.failures.shelf import ForesightTraining
from agent.quantity import span_in_words
from agent.store import open_stores

_PHASES = {"reading": "signals read", "tuning": "horizons tuned and judged"}


def train_failures(config: Path | None, json: bool) -> None:
    """Train now. Raises ModelError when there is too little, ConfigError, ConflictError, SourceError."""
    settings = settings_of_state(config)
    with following(_PHASES) as show:
        training, in_force = run_failure_training(settings, show)
    if json:
        print_json({**asdict(training), "in_force": in_force})
        return
    _print_training(training)
    console.print(
        "It is in force; a running agent asks it within a minute."
        if in_force
        else "It is not in force: opsmend models compare shows how it does beside the one that is."
    )


def show_failures(config: Path | None, training: str | None, json: bool) -> None:
    """Show a training, by default the one in force. Raises NotFoundError, ModelError."""
    shelf = open_foresight_shelf(settings_of_state(config))
    found = shelf.current() if training is None else shelf.find(training)
    if found is None:
        raise NotFoundError("nothing was trained to foresee failures yet: opsmend train --failures")
    shelf.check(found)
    if json:
        print_json(found)
    else:
        _print_training(found)


def compare_failures(settings: Settings) -> dict[str, Any]:
    """Return what came of what the one in force and the one beside it said. Raises ModelError, StoreError."""
    shelf = open_foresight_shelf(settings)
    current, beside = shelf.current(), shelf.shadow()
    names = [one.name if one is not None else "" for one in (current, beside)]
    if not settings.database.exists() or not any(names):
        return {"compared": []}
    stores = open_stores(settings.database, upgrade=False)
    try:
        both = zip(names, reversed(names), ("yes", "beside"), strict=True)
        found = [
            {**asdict(one), "horizon": one.horizon.total_seconds(), "place": place}
            for name, other, place in both
            if name
            for one in stores.failures.compare(name, other)
        ]
    finally:
        stores.close()
    return {"compared": found}


def print_failures(found: Mapping[str, Any]) -> None:
    """Print how both do."""
    if not found["compared"]:
        console.print("Failures: nothing that was said of hosts is over yet")
        return
    print_table(
        "Failures: what was said of hosts and what came (Brier scores, lower is better)",
        [
            "training",
            "in force",
            "within",
            "judged",
            "came",
            "score",
            "base rate",
            "said by both",
            "own",
            "other's",
        ],
        [
            (
                one["training"],
                one["place"],
                span_in_words(timedelta(seconds=one["horizon"])),
                one["judged"],
                one["came"],
                f"{one['brier']:.5f}",
                f"{one['brier_base']:.5f}",
                one["shared"],
                _score(one["brier_shared"]),
                _score(one["brier_other"]),
            )
            for one in found["compared"]
        ],
    )


def _score(value: float | None) -> str:
    return f"{value:.5f}" if value is not None else "-"


def _print_training(training: ForesightTraining) -> None:
    console.print(f"[bold]{training.name}[/]: {escape(training.why)}")
    for one in training.horizons:
        _print(one)


def _print(one: Judged) -> None:
    horizon = span_in_words(timedelta(seconds=one.horizon_s))
    console.print(
        f"[bold]within {horizon}[/]: {'worth asking' if one.worth_asking else 'not asked'}; {escape(one.why)}"
    )
    if one.figures is not None:
        print_table(
            f"What came of what was said, within {horizon}, on what was held back",
            ["said", "came", "moments"],
            [
                (f"{bin_.probability:.3f}", f"{bin_.came:.3f}", round(bin_.moments))
                for bin_ in one.figures.calibration
            ],
        )
