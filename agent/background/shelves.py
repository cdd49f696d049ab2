"""A kind of models in, what is on its shelf out, and another training in force or beside the one that is.

All kinds are listed, promoted, taken back and run beside in the same way. ``python -m
agent.background.shelves CONFIG KIND MOVE [TRAINING]`` does it for the agent, apart from it: to look through a
file of a model takes libraries that the resting agent does not hold.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.background.places import shelf_of
from agent.config.settings import Settings
from agent.environment import clean_environment, own_python
from agent.errors import ConflictError, ModelError, NotFoundError, OpsmendError
from agent.modelshelf import ModelShelf, Training
from agent.records.training import Move, TrainingKind

KINDS: tuple[TrainingKind, ...] = ("entity", "diagnosis", "failures")

_WITHIN_S = 60.0
_ERRORS: tuple[type[OpsmendError], ...] = (NotFoundError, ConflictError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelved:
    """One training. One that is ``beside`` is asked as well, compared, and acted on by nobody."""

    name: str
    kind: TrainingKind
    in_force: bool
    beside: bool
    made_at: datetime
    version: str
    trained_from: datetime
    trained_to: datetime
    models: int
    note: str


def shelved(
    settings: Settings, kind: TrainingKind, refuse: Callable[[ModelError], None] = lambda error: None
) -> list[Shelved]:
    """Return what is on a shelf, the newest first. ``refuse`` hears why what is pointed to cannot be used."""
    shelf = shelf_of(settings, kind)
    current, beside = _name_of(shelf.current, refuse), _name_of(shelf.shadow, refuse)
    return [_shelved(shelf, one, current, beside) for one in shelf.generations()]


def move_training(settings: Settings, kind: TrainingKind, move: Move, training: str | None) -> Shelved | None:
    """Put a training in force, go back to the one before, or have one (or none) run beside.

    Return what was moved, None where nothing runs beside any more. Raises NotFoundError, ConflictError,
    ModelError when a file is not what was written, or the shelf cannot be.
    """
    shelf, now = shelf_of(settings, kind), datetime.now(UTC)
    try:
        if move == "beside":
            if training is None:
                shelf.end_beside()
                return None
            return _shelved(shelf, shelf.set_beside(training, now), "", training)
        name = training or shelf.before_current()
        return _shelved(shelf, shelf.promote(name, now), name, "")
    except OSError as error:
        raise ModelError(f"{shelf.folder} cannot be written: {error.strerror}") from error


def move_apart(config: Path, kind: TrainingKind, move: Move, training: str | None) -> None:
    """Do the same in a process of its own. Raises as ``move_training`` does."""
    command = own_python(
        "agent.background.shelves", str(config), kind, move, *([training] if training else [])
    )
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=clean_environment(with_settings=True),
            timeout=_WITHIN_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"the models could not be looked through within {_WITHIN_S:g} s") from error
    if done.returncode == 0:
        return
    why = done.stdout.decode(errors="replace").strip() or f"its process ended with code {done.returncode}"
    raise next((kind for kind in _ERRORS if kind.exit_code == done.returncode), ModelError)(why)


def _name_of(find: Callable[[], Training | None], refuse: Callable[[ModelError], None]) -> str:
    try:
        found = find()
    except ModelError as error:
        refuse(error)
        return ""
    return found.name if found is not None else ""


def _shelved(shelf: ModelShelf[Any], one: Training, current: str, beside: str) -> Shelved:
    return Shelved(
        name=one.name,
        kind=shelf.kind,
        in_force=one.name == current,
        beside=one.name == beside,
        made_at=one.made_at,
        version=one.version,
        trained_from=one.trained_from,
        trained_to=one.trained_to,
        models=len(one.cards),
        note=one.why,
    )


def main(arguments: Sequence[str]) -> None:
    """Move a training; the reason why not goes to standard output."""
    from agent.config import load_settings

    config, kind, move, *training = arguments
    try:
        move_training(load_settings(Path(config)), kind, move, next(iter(training), None))  # type: ignore[arg-type]
    except OpsmendError as error:
        sys.stdout.write(str(error))
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main(sys.argv[1:])
