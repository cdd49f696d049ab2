"""Bars for what takes a while, on standard error, gone when it is done."""

from __future__ import annotations

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from agent.cli.output import errors


def bars() -> Progress:
    """Return bars that say what is done, of how much, and how long it still takes."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=errors, transient=True)
