"""The commands around what came of remediations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.cli.completion import remediations as remediation_names
from agent.cli.options import Config, Json

adaptation = typer.Typer()
autonomy = typer.Typer(
    help="Take away or give what the agent may do by itself with a remediation.", no_args_is_help=True
)
adaptation.add_typer(autonomy, name="autonomy")
learned = typer.Typer(invoke_without_command=True)
adaptation.add_typer(learned, name="learning")

Remediation = Annotated[
    str, typer.Argument(metavar="REMEDIATION", help="Its name.", autocompletion=remediation_names)
]
FaultName = Annotated[str, typer.Argument(metavar="FAULT", help="One of those that it fixes.")]
Why = Annotated[str, typer.Option("--comment", "-m", help="Why, for those who read it later.")]


@adaptation.command()
def remediations(config: Config = None, json: Json = False) -> None:
    """Say what came of remediations, by fault and kind of host, and what could be better.

    How often each helped, with the interval that holds eight times in ten, how long it takes, how often
    what it healed broke again soon, and how much the agent may do by itself with it.
    """
    from agent.cli.trackrecords import list_track_records

    list_track_records(config, json)


@learned.callback()
def learning(context: typer.Context, config: Config = None, json: Json = False) -> None:
    """Say what became of what people said of diagnoses: what counts, what does not, by which figures.

    Incidents whose fault was proved on metrics are named again with it and without it.
    """
    from agent.cli.teachings import show_learning

    if context.invoked_subcommand is None:
        show_learning(config, json)


@learned.command()
def patterns(
    pattern: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Only this one, with its drafts.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write the drafts of one below it: rules and playbooks."),
    ] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Offer incidents that nobody could name, and that come again, as a fault with a rule and its story.

    A rule is offered where it names at least four in five of them, no other incident of the store, and
    nothing in healthy time.
    What people did about them (remediations that they asked for, commands that they said they typed) becomes
    a draft of a remediation. Nothing is written without --output, and nothing that was typed is carried out.
    """
    from agent.cli.patterns import show_patterns

    if output is not None and pattern is None:
        raise typer.BadParameter("name the pattern too", param_hint="--output")
    show_patterns(config, pattern, output, json)


@autonomy.command("raise")
def raise_autonomy(
    remediation: Remediation, fault: FaultName, comment: Why, config: Config = None, json: Json = False
) -> None:
    """Let a remediation go one rung up for a fault: observe, suggest, approve, auto.

    Policy stays above it. It is for people who may administer.
    """
    from agent.cli.trackrecords import step_autonomy

    step_autonomy(config, remediation, fault, True, comment, json)


@autonomy.command("lower")
def lower_autonomy(
    remediation: Remediation, fault: FaultName, comment: Why, config: Config = None, json: Json = False
) -> None:
    """Take a remediation one rung down for a fault: auto, approve, suggest, observe.

    It is for people who may pause.
    """
    from agent.cli.trackrecords import step_autonomy

    step_autonomy(config, remediation, fault, False, comment, json)
