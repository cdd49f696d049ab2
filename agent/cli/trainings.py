"""What commands share that train models of any kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from agent.background.training import Progress as Step
from agent.cli.progress import bars


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
