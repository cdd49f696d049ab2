"""The commands around the settings."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.cli.options import Config, Json

settings = typer.Typer(help="Look at the settings.", no_args_is_help=True)


@settings.command("show")
def show_config(
    key: Annotated[
        str | None, typer.Argument(metavar="KEY", help="Only this, such as agent.mode or collect.")
    ] = None,
    config: Config = None,
    json: Json = False,
    only_set: Annotated[
        bool, typer.Option("--set", help="Only what the file or the environment sets.")
    ] = False,
) -> None:
    """Print the settings as they would be in force, and where each comes from.

    A value comes from a line of the file, from a variable of the environment, or is the default. One key
    alone prints its bare value, for scripts.
    """
    from agent.cli.config import show_settings

    show_settings(config, key, only_set, json)
