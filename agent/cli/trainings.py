"""What commands share that train models of any kind, or put a training in force."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from agent.background.training import Progress as Step
from agent.cli.progress import bars
from agent.errors import ModelError
from agent.modelshelf import ModelShelf, Training

T = TypeVar("T", bound=Training)


@contextmanager
def following(phases: Mapping[str, str]) -> Iterator[Callable[[Step], None]]:
    """Show how far a training is, a bar for each phase, as the function that is yielded hears of it."""
    with bars() as progress:
        tasks: dict[str, Any] = {}

        def show(step: Step) -> None:
            if step.phase not in tasks:
                tasks[step.phase] = progress.add_task(phases[step.phase], total=step.of)
            progress.update(tasks[step.phase], completed=step.done)

        yield show


def put_in_force(shelf: ModelShelf[T], training: str | None) -> T:
    """Put a training in force, or the one that was before. Raises NotFoundError, ModelError."""
    try:
        return shelf.promote(training or shelf.before_current(), datetime.now(UTC))
    except OSError as error:
        raise ModelError(f"{shelf.folder} cannot be written: {error.strerror}") from error
