"""The ``opsmend`` command: small verbs, each in a module of its own, imported when it is used."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from agent import __version__
from agent.cli.adaptation import adaptation
from agent.cli.authors import playbooks, rules
from agent.cli.completion import hosts, states
from agent.cli.firststeps import first_steps
from agent.cli.learning import training
from agent.cli.messages import notify
from agent.cli.offline import offline
from agent.cli.options import Config, Json
from agent.cli.people import anomaly, audit, incident, pauses, tokens
from agent.cli.settings import settings
from agent.cli.upkeep import upkeep

EXIT_CODES = (
    "Exit codes: 0 all is well · 1 something is wrong (see the message) · 2 the command line is wrong · "
    "3 there is nothing of that name · 4 somebody else was first · 5 not allowed now · "
    "6 a source does not answer · 7 the store cannot be used · 78 a file or setting is wrong."
)

app = typer.Typer(
    name="opsmend",
    help="Finds faults in a cluster, repairs them with Ansible, and proves the repair.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(first_steps)
app.add_typer(incident, name="incident")
app.add_typer(pauses)
app.add_typer(settings, name="config")
app.add_typer(audit, name="audit")
app.add_typer(anomaly, name="anomaly")
app.add_typer(tokens, name="tokens")
app.add_typer(rules, name="rules")
app.add_typer(playbooks, name="playbooks")
app.add_typer(upkeep)
app.add_typer(offline)
app.add_typer(training)
app.add_typer(adaptation)
app.add_typer(notify, name="notify")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"opsmend {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Finds faults in a cluster, repairs them with Ansible, and proves the repair."""


@app.command()
def run(config: Config = None) -> None:
    """Run the agent, as systemd does.

    It polls the sources, opens incidents, runs remediations as mode and guards allow, and verifies
    them. SIGTERM lets a running step finish within remediate.grace.
    """
    from agent.cli.run import run_agent

    run_agent(config)


@app.command()
def check(
    config: Config = None,
    json: Json = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Check the files only; ask no source and no host.")
    ] = False,
    send: Annotated[
        bool, typer.Option("--send", help="Send a test message to every target of messages.")
    ] = False,
) -> None:
    """Check settings, rules, remediations, sources, exporters, hosts and targets of messages.

    Every problem is named with file, line and key, and what is missing with what it costs. Nothing is
    changed, and no agent need run. root looks as the agent's user does. Run it before you start or reload
    the agent. Exit code 78: a file is wrong; 6: a source or a host is.
    """
    from agent.cli.check import check_all

    check_all(config, offline, send, json)


@app.command()
def reload(config: Config = None, json: Json = False) -> None:
    """Let the agent go by changed settings, rules, policy and remediations, and say what came of it.

    A mistake in a file is named, keeps everything as it was, and ends with exit code 78. What only a restart
    brings into force is named too.
    """
    from agent.cli.reload import reload_agent

    reload_agent(config, json)


@app.command()
def status(config: Config = None, json: Json = False) -> None:
    """Say how the agent is: mode, polls, sources, what is at work, what waits for people."""
    from agent.cli.status import show_status

    show_status(config, json)


@app.command()
def anomalies(config: Config = None, json: Json = False) -> None:
    """List what is anomalous now: seen, expected, since when, with what else, and the PromQL for it."""
    from agent.cli.anomalies import list_anomalies

    list_anomalies(config, json)


@app.command()
def forecasts(config: Config = None, json: Json = False) -> None:
    """List what is about to be used up, when, and what came of earlier forecasts."""
    from agent.cli.forecasts import list_forecasts

    list_forecasts(config, json)


@app.command()
def incidents(
    config: Config = None,
    json: Json = False,
    everything: Annotated[bool, typer.Option("--all", "-a", help="Also those that are over.")] = False,
    state: Annotated[
        list[str] | None,
        typer.Option(
            "--state", metavar="STATE", help="Only in this state; may be repeated.", autocompletion=states
        ),
    ] = None,
    host: Annotated[
        str | None, typer.Option(metavar="HOST", help="Only on this host.", autocompletion=hosts)
    ] = None,
    entity: Annotated[str | None, typer.Option(metavar="ENTITY", help="Only of this entity.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Opened within the last while, such as 2h or 7d.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, newest first.")] = 50,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show them anew every two seconds.")] = False,
) -> None:
    """List incidents, the newest first: those that are not over, unless --all or --state say otherwise."""
    from agent.cli.incidents import Wanted, list_incidents

    wanted = Wanted(
        everything=everything, states=state or (), host=host, entity=entity, since=since, limit=limit
    )
    list_incidents(config, wanted, watch, json)


@app.command()
def report(
    config: Config = None,
    json: Json = False,
    since: Annotated[str, typer.Option(metavar="TIME", help="How far back, such as 30d or 12h.")] = "30d",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it: FILE.html or FILE.md.")
    ] = None,
    impact: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Business series (revenue, users) as CSV, to say what it cost."),
    ] = None,
) -> None:
    """Say what the incidents of a while have in common: over time, over place, together, and their cost."""
    from agent.cli.report import make_report

    make_report(config, since, output, impact, json)


@app.command()
def mcp(
    listen: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS:PORT",
            help="Serve over HTTP to holders of opsmend's tokens instead of standard input and output.",
            show_default=False,
        ),
    ] = None,
    config: Config = None,
) -> None:
    """Serve what the agent knows to assistants (Model Context Protocol). It reads, and decides nothing."""
    from agent.cli.mcpserver import serve_mcp

    serve_mcp(config, listen)


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave cluster and agent running afterwards.")] = False,
    clean: Annotated[bool, typer.Option("--clean", help="Remove every trace of earlier demos.")] = False,
    root: Annotated[
        Path, typer.Option(help="Where rules, playbooks and inventories are.", file_okay=False)
    ] = Path(),
    folder: Annotated[
        Path, typer.Option(help="Where keys, settings and the log of the demo go.", file_okay=False)
    ] = Path(".demo"),
) -> None:
    """Show it all: a cluster of real hosts in podman, real faults, and the agent that heals them."""
    from agent.cli.demo import run_demo

    run_demo(root.resolve(), folder, keep, clean)


def main() -> None:
    """Run the command; whatever goes wrong becomes a line and an exit code."""
    try:
        app()
    except Exception as error:
        from agent.cli.failure import tell

        sys.exit(tell(error))


if __name__ == "__main__":
    main()
