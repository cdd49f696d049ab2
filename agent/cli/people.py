"""The commands by which people look at incidents, decide about them, and read who did what."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.cli.completion import incident_ids, remediations
from agent.cli.numbered import NumberedGroup
from agent.cli.options import Config, Json
from agent.records.tokens import Scope

incident = typer.Typer(
    cls=NumberedGroup, help="Look at one incident, and decide about it.", no_args_is_help=True
)
audit = typer.Typer(help="Read and verify the record of who did what.", no_args_is_help=True)
pauses = typer.Typer()
anomaly = typer.Typer(help="Say what was no anomaly, and what was missed.", no_args_is_help=True)
tokens = typer.Typer(help="Let people and programs in over the port.", no_args_is_help=True)

IncidentId = Annotated[
    int,
    typer.Argument(
        metavar="ID", help="Number of the incident.", min=1, max=2**53, autocompletion=incident_ids
    ),
]
Comment = Annotated[str, typer.Option("--comment", "-m", help="Why, for those who read it later.")]


@incident.command()
def show(
    incident_id: IncidentId,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write a page on where it comes from.", show_default=False),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Everything: evidence, numbers, cases, messages and history.")
    ] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Show what is wrong, what was done and what is next, on one screen; with --all everything."""
    from agent.cli.incident import show_incident

    show_incident(config, incident_id, html, json, everything)


@incident.command()
def approve(
    incident_id: IncidentId, comment: Comment = "", config: Config = None, json: Json = False
) -> None:
    """Say yes to the plan that the incident asks for. Guards are checked again when it starts."""
    from agent.cli.operator_actions import vote

    vote(config, incident_id, True, comment, json)


@incident.command()
def deny(incident_id: IncidentId, comment: Comment = "", config: Config = None, json: Json = False) -> None:
    """Say no to the plan; the incident is then for people."""
    from agent.cli.operator_actions import vote

    vote(config, incident_id, False, comment, json)


@incident.command("acknowledge")
def acknowledge_incident(
    incident_id: IncidentId,
    comment: Comment = "",
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Take it also when another person has it.")
    ] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Say that you have an incident that is for people: nobody further is called."""
    from agent.cli.operator_actions import acknowledge

    acknowledge(config, incident_id, comment, take_over, json)


@incident.command("close")
def close_incident(
    incident_id: IncidentId, comment: Comment = "", config: Config = None, json: Json = False
) -> None:
    """Close an incident by hand. It is not opened again while the same symptoms last."""
    from agent.cli.operator_actions import close

    close(config, incident_id, comment, json)


@incident.command("cancel")
def cancel_run(incident_id: IncidentId, config: Config = None, json: Json = False) -> None:
    """Cancel the run that is at work for an incident; nothing of it is left on the host."""
    from agent.cli.operator_actions import cancel

    cancel(config, incident_id, json)


@incident.command("run")
def ask_for_run(
    incident_id: IncidentId,
    remediation: Annotated[
        str,
        typer.Argument(metavar="REMEDIATION", help="Its name.", autocompletion=remediations),
    ],
    comment: Comment = "",
    override_cooldown: Annotated[
        bool,
        typer.Option(
            "--override-cooldown",
            help="Although it ran a short time ago; needs a comment, and the permission 'override'.",
        ),
    ] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Ask for a remediation by name. Policy and guards decide; nobody approves their own request.

    The request waits while a guard holds it, for a day at most, and is answered once.
    """
    from agent.cli.operator_actions import ask_for_run as ask

    ask(config, incident_id, remediation, comment, override_cooldown, json)


@audit.command("list")
def list_entries(
    subject: Annotated[
        str | None, typer.Argument(help="Only about this, such as 'incident 7' or 'run 3'.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many, newest first.")] = 50,
    config: Config = None,
    json: Json = False,
) -> None:
    """Say who did what, when and why, with which versions of rules and remediations."""
    from agent.cli.audit import list_audit

    list_audit(config, subject, limit, json)


@audit.command("verify")
def verify_entries(
    head: Annotated[
        str | None,
        typer.Option(help="A head noted earlier (the log has them): finds entries cut off at the end."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(help="A part that was sealed or exported, instead of the store.", show_default=False),
    ] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Walk the chain of hashes; exit code 1 and the first wrong entry when somebody changed it."""
    from agent.cli.audit import verify_audit

    verify_audit(config, head, file, json)


@audit.command("export")
def export_entries(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to: one entry a line, JSON, gzip.")],
    config: Config = None,
    json: Json = False,
) -> None:
    """Write the whole audit, sealed parts too, into a file that can be verified apart from the store."""
    from agent.cli.audit import export_audit

    export_audit(config, file, json)


@pauses.command("pause")
def pause_agent(
    comment: Comment = "",
    duration: Annotated[
        str | None,
        typer.Option("--for", metavar="TIME", help="Resume by itself after so long, such as 30m or 2h."),
    ] = None,
    host: Annotated[list[str] | None, typer.Option(help="Only on this host; may be repeated.")] = None,
    group: Annotated[
        list[str] | None, typer.Option(help="Only on hosts of this group of the inventory.")
    ] = None,
    fault: Annotated[list[str] | None, typer.Option(help="Only what is done about this fault.")] = None,
    remediation: Annotated[list[str] | None, typer.Option(help="Only this remediation.")] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Start nothing new, rollbacks included, until resumed. What is at work goes on; incidents are found.

    With --host, --group, --fault, --remediation only what fits all that is given is paused.
    """
    from agent.cli.operator_actions import pause
    from agent.records import PauseScope

    scope = PauseScope(
        hosts=tuple(host or ()),
        groups=tuple(group or ()),
        faults=tuple(fault or ()),
        remediations=tuple(remediation or ()),
    )
    pause(config, comment, duration, scope, json)


@pauses.command("resume")
def resume_agent(
    pause_id: Annotated[
        int | None, typer.Argument(metavar="[ID]", help="Number of the pause; without it, all.", min=1)
    ] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """End a pause, or all."""
    from agent.cli.operator_actions import resume

    resume(config, pause_id, json)


@tokens.command("new")
def issue_token(
    person: Annotated[str, typer.Argument(metavar="NAME", help="Whom it stands for, as the policy says it.")],
    scope: Annotated[Scope, typer.Option(help="How far it reaches at most.")] = Scope.LOOK,
    role: Annotated[
        str | None, typer.Option(help="A role of the policy in which it acts.", show_default=False)
    ] = None,
    duration: Annotated[
        str | None,
        typer.Option("--for", metavar="TIME", help="How long it is good, such as 90d.", show_default=False),
    ] = None,
    note: Annotated[str, typer.Option(help="What it is for.")] = "",
    config: Config = None,
    json: Json = False,
) -> None:
    """Issue a token and print it, this once: the agent keeps only its digest."""
    from agent.cli.tokens import issue

    issue(config, person, scope, role, duration, note, json)


@tokens.command("list")
def list_all_tokens(config: Config = None, json: Json = False) -> None:
    """List the tokens that were issued: for whom, how far, until when, used when."""
    from agent.cli.tokens import list_tokens

    list_tokens(config, json)


@incident.command("feedback")
def incident_feedback(
    incident_id: IncidentId,
    right: Annotated[
        bool | None, typer.Option("--right/--wrong", help="The diagnosis was right, or it was not.")
    ] = None,
    fault: Annotated[str, typer.Option("--it-was", metavar="FAULT", help="It was this fault.")] = "",
    remediation: Annotated[
        str, typer.Option("--fixed-by", metavar="REMEDIATION", help="A person fixed it by this.")
    ] = "",
    commands: Annotated[
        Path | None,
        typer.Option(
            "--by-hand",
            metavar="FILE",
            help="A person fixed it by these commands (- is standard input), kept and never carried out.",
            show_default=False,
        ),
    ] = None,
    comment: Comment = "",
    config: Config = None,
    json: Json = False,
) -> None:
    """Say what it was, or what fixed it: taken where no proved incident is named worse by it."""
    from agent.cli.teachings import say_of_incident

    say_of_incident(config, incident_id, right, fault, remediation, commands, comment, json)


@tokens.command("revoke")
def revoke_token(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="Its id, as tokens list shows it.")],
    config: Config = None,
    json: Json = False,
) -> None:
    """Let a token open nothing any more, nor the sessions that were begun with it."""
    from agent.cli.tokens import revoke

    revoke(config, token_id, json)


@anomaly.command()
def wrong(
    anomaly_id: Annotated[str, typer.Argument(metavar="ID", help="As 'opsmend anomalies' lists it.")],
    comment: Comment = "",
    config: Config = None,
    json: Json = False,
) -> None:
    """Say that an open anomaly is none: for a month as much of it opens nothing."""
    from agent.cli.feedback import say_wrong

    say_wrong(config, anomaly_id, comment, json)


@anomaly.command()
def missed(
    entity: Annotated[str, typer.Argument(metavar="ENTITY", help="A host or service, as pages name it.")],
    since: Annotated[str, typer.Option("--from", metavar="TIME", help="When it began.")],
    until: Annotated[str, typer.Option("--to", metavar="TIME", help="When it was over.")],
    comment: Comment = "",
    config: Config = None,
    json: Json = False,
) -> None:
    """Say that nothing was said: that time is not learned as normal, and less opens an anomaly there."""
    from agent.cli.feedback import say_missed

    say_missed(config, entity, since, until, comment, json)
