"""``opsmend incident 7``: a number where a command could stand means to show it."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup


class NumberedGroup(TyperGroup):
    """A group of commands that takes a number for ``show NUMBER``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put ``show`` before a number that comes first."""
        if args and args[0].isdigit():
            args = ["show", *args]
        return super().parse_args(ctx, args)
