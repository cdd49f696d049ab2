"""The commands about messages to people, as typer sees them."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.cli.options import Config, Json

notify = typer.Typer(help="Messages to people.", no_args_is_help=True)


@notify.callback()
def _options() -> None:
    """Messages to people."""


@notify.command("test")
def send_test(
    targets: Annotated[
        list[str] | None, typer.Argument(help="Names under notify.targets; all where none is given.")
    ] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Send a test message to every URL of the targets, and say how each took it."""
    from agent.cli.notify import test_targets

    test_targets(config, targets or (), json)
