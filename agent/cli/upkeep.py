"""The commands that keep an installation: a copy of the store, and the way back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.cli.options import Config

upkeep = typer.Typer()


@upkeep.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the copy goes.", dir_okay=False)],
    config: Config = None,
) -> None:
    """Copy the store into one file, while the agent works: incidents, runs, approvals, tokens, audit.

    The copy is of one moment and is read once to prove that it is whole. Settings and the agent's ssh key
    are files of their own and not in it.
    """
    from agent.cli.backup import back_up

    back_up(config, file)


@upkeep.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A copy that opsmend backup made.")],
    config: Config = None,
) -> None:
    """Put a copy in the place of the store. Refused while an agent runs; the store of before is kept.

    A copy of an older version is brought to the newest schema when the agent starts; one of a newer version
    is refused.
    """
    from agent.cli.backup import restore as put_back

    put_back(config, file)
