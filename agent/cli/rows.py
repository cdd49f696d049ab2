"""What commands that go through a metrics file row by row share: reading it, and how far they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.cli.output import errors
from agent.cli.progress import bars
from agent.collect.metricsfile import MetricsFile, read_metrics


def read_with_notes(path: Path, entity: str | None) -> MetricsFile:
    """Read a metrics file and say what had to be put right. Raises ConfigError, OpsmendError."""
    file = read_metrics(path, entity)
    for note in file.notes:
        errors.print(f"[yellow]note:[/] {path}: {note}")
    return file


@contextmanager
def counting_rows() -> Iterator[Callable[[int, int], None]]:
    """Show how many rows are done, of how many, as the function that is yielded hears of them."""
    with bars() as progress:
        task = progress.add_task("rows", total=None)
        yield lambda done, of: progress.update(task, completed=done, total=of)
