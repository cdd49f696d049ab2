"""What trainings of every kind share: how far each is, and that one at a time works on a shelf."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.errors import ConflictError
from agent.modelfiles import give_to_owner, make_folder

_LOCK = "training.lock"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training is: so many done of so many signals (reading), entities, trials (tuning), steps."""

    phase: str
    done: int
    of: int


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
