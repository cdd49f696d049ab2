"""An error in, a line for people and an exit code out; a traceback only for who asks for one."""

from __future__ import annotations

import os
import sys
import traceback

from rich.markup import escape

from agent.cli.output import errors
from agent.errors import ConfigError, OpsmendError, RefusedError

TRACEBACK = "OPSMEND_TRACEBACK"
_PIPE_CLOSED = 141  # as a shell says of a program that SIGPIPE ended


def tell(error: Exception) -> int:
    """Say what went wrong; return the exit code."""
    if isinstance(error, BrokenPipeError):
        # whoever read our output has seen enough; flushing the rest would only complain again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_CLOSED
    if os.environ.get(TRACEBACK):
        traceback.print_exception(error)
    for line in _lines(error):
        errors.print(f"[red]error:[/] {escape(line)}", soft_wrap=True)
    if isinstance(error, PermissionError):
        return RefusedError.exit_code
    return error.exit_code if isinstance(error, OpsmendError) else 1


def _lines(error: Exception) -> list[str]:
    if isinstance(error, ConfigError):
        return [str(problem) for problem in error.problems]
    if isinstance(error, OpsmendError):
        return [str(error)]
    if isinstance(error, OSError) and error.strerror:
        way_out = "; use sudo" if isinstance(error, PermissionError) and os.geteuid() != 0 else ""
        told = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
        return [f"{told}{way_out}"]
    return [
        f"unforeseen: {type(error).__name__}: {error}",
        f"that is a mistake in opsmend; {TRACEBACK}=1 before the command shows where, for a report",
    ]
