"""The commands of the first hour."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

first_steps = typer.Typer()


@first_steps.command()
def init(
    prometheus: Annotated[
        str | None, typer.Option(metavar="URL", help="Where Prometheus is.", show_default=False)
    ] = None,
    inventory: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Your Ansible inventory, a file or a folder.", show_default=False),
    ] = None,
    login: Annotated[
        str | None,
        typer.Option("--user", metavar="NAME", help="As whom to log in on the hosts.", show_default=False),
    ] = None,
    folder: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the files go.")] = Path(
        "/etc/opsmend"
    ),
    exporters: Annotated[
        bool | None,
        typer.Option(
            "--exporters/--no-exporters", help="Let the preparation of hosts install exporters too."
        ),
    ] = None,
    trust_host_keys: Annotated[
        bool | None,
        typer.Option("--trust-host-keys/--no-trust-host-keys", help="Believe the keys that hosts show now."),
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Holds a bearer token for Prometheus.")
    ] = None,
    ca_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Certificates to trust for Prometheus.")
    ] = None,
    vault_password_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Opens the vault of the inventory.")
    ] = None,
    notify_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Holds the apprise URLs of who is called.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; what is open is as usual.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace settings that are there.")] = False,
) -> None:
    """Set up a first installation: look at Prometheus and inventory, write commented settings, make a key.

    What the command line leaves open is asked. It says which names of hosts meet, which faults will be seen
    and for which nobody will look, writes a playbook that prepares hosts with the least rights, and ends
    with opsmend check. The agent will only observe.
    """
    from agent.cli.check import check_all
    from agent.cli.init import Told, next_steps, set_up

    installation = set_up(
        Told(
            prometheus=prometheus,
            inventory=inventory,
            login=login,
            folder=folder,
            ask=not yes,
            force=force,
            exporters=exporters,
            trust_host_keys=trust_host_keys,
            token_file=token_file,
            ca_file=ca_file,
            vault_password_file=vault_password_file,
            notify_file=notify_file,
        )
    )
    try:
        check_all(installation.places.config, offline=False, send=False, json=False)
    finally:
        next_steps(installation)
