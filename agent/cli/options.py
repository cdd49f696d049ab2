"""Options that several commands have."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="The settings; default $OPSMEND_CONFIG, else /etc/opsmend/opsmend.yml.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text for people.")]


def span_of(option: str, text: str) -> timedelta:
    """Return the span of time that an option gives. Raises typer.BadParameter."""
    from agent.config.scalars import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error
