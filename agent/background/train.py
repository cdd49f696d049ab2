"""The training process: settings and a kind in, a training of that kind on its shelf out.

``python -m agent.background.train CONFIG [KIND]`` trains at the lowest priority and tells how far it is in
lines of JSON on standard output; it ends when the agent that started it is gone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from agent.background.diagnosistrain import run_diagnosis_training
from agent.background.entitytrain import run_training
from agent.background.failuretrain import run_failure_training
from agent.background.messages import incoming
from agent.background.training import Progress
from agent.config import Settings, load_settings
from agent.errors import OpsmendError
from agent.learn.faults.examples import TooLittleData
from agent.log import set_up

_NICE = 19


def main(arguments: Sequence[str]) -> None:
    """Train once, at the lowest priority."""
    os.nice(_NICE)
    lines = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no progress
    incoming()
    settings = load_settings(Path(arguments[0]))
    set_up(settings.agent.log_level, settings.agent.log_format)

    def tell(said: Progress | Mapping[str, Any]) -> None:
        lines.write(orjson.dumps(said) + b"\n")
        lines.flush()

    try:
        tell(_of_kind(arguments[1] if len(arguments) > 1 else "entity", settings, tell))
    except OpsmendError as error:
        tell({"failed": str(error), "waits": isinstance(error, TooLittleData)})
        sys.exit(error.exit_code)


def _of_kind(kind: str, settings: Settings, tell: Callable[[Progress], None]) -> dict[str, Any]:
    """Train models of a kind; return what is said of them at the end."""
    if kind == "entity":
        generation = run_training(settings, tell)
        return {"trained": len(generation.cards), "generation": generation.name}
    if kind == "failures":
        training, _ = run_failure_training(settings, tell)
        return {"trained": len(training.horizons), "generation": training.name, "why": training.why}
    found = run_diagnosis_training(settings, tell)
    return {
        "trained": 1,
        "generation": found.training.name,
        "why": found.training.why,
        "taken_up": found.taken_up,
    }


if __name__ == "__main__":
    main(sys.argv[1:])
