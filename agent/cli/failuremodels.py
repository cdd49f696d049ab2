"""``opsmend train --failures``: how likely hosts fail ahead."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from rich.markup import escape

from agent.background.failuretrain import run_failure_training
from agent.cli.common import settings_of_state
from agent.cli.output import console, print_json, print_table
from agent.cli.trainings import following
from agent.learn.failures.model import Judged
from agent.quantity import span_in_words

_PHASES = {"reading": "signals read", "tuning": "horizons tuned and judged"}


def train_failures(config: Path | None, json: bool) -> None:
    """Train now. Raises ModelError when there is too little, ConfigError, ConflictError, SourceError."""
    settings = settings_of_state(config)
    with following(_PHASES) as show:
        training = run_failure_training(settings, show)
    if json:
        print_json(training)
        return
    for one in training.horizons:
        _print(one)


def _print(one: Judged) -> None:
    horizon = span_in_words(timedelta(seconds=one.horizon_s))
    console.print(
        f"[bold]within {horizon}[/]: {'in force' if one.in_force else 'not in force'}; {escape(one.why)}"
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
