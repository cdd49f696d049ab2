"""The ``opsmend`` command: small verbs, each in a module of its own, imported when it is used."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from agent import __version__
from agent.cli.authors import playbooks, rules
from agent.cli.options import Config, Json

EXIT_CODES = """
Exit codes: 0 all is well · 1 something is wrong (see the message) · 2 the command line is wrong ·
3 there is nothing of that name · 4 somebody else was first · 5 not allowed now · 6 a source does not
answer · 7 the store cannot be used · 78 a file or setting is wrong.
"""

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
incident = typer.Typer(help="Look at one incident, and decide about it.", no_args_is_help=True)
app.add_typer(incident, name="incident")
audit = typer.Typer(help="Read and verify the record of who did what.", no_args_is_help=True)
app.add_typer(audit, name="audit")
app.add_typer(rules, name="rules")
app.add_typer(playbooks, name="playbooks")
logs = typer.Typer(help="Look into log files.", no_args_is_help=True)
app.add_typer(logs, name="logs")
models = typer.Typer(help="Look at the models of whole entities.", no_args_is_help=True)
app.add_typer(models, name="models")

IncidentId = Annotated[int, typer.Argument(metavar="ID", help="Number of the incident.", min=1)]
Comment = Annotated[str, typer.Option("--comment", "-m", help="Why, for those who read it later.")]


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
) -> None:
    """Check settings, rules, remediations, and whether every source and host answers.

    Every problem is named with file, line and key. Run it before you start or reload the agent.
    """
    from agent.cli.check import check_all

    check_all(config, offline, json)


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
def incidents(
    config: Config = None,
    json: Json = False,
    everything: Annotated[bool, typer.Option("--all", "-a", help="Also those that are over.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, newest first.")] = 50,
) -> None:
    """List incidents, the newest first."""
    from agent.cli.incidents import list_incidents

    list_incidents(config, everything, limit, json)


@logs.command("templates")
def logs_templates(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="One message per line; plain or .gz.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The CSV to write.")],
) -> None:
    """Find the template of every line of a file: what the program wrote, without its values.

    Needs no settings and no server. The CSV has one row per line: line, template_id, template.
    """
    from agent.cli.logs import write_templates

    write_templates(file, output)


@incident.command()
def show(
    incident_id: IncidentId,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write a page on where it comes from.", show_default=False),
    ] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Show what was seen, what it means, what was planned, run and verified, and why."""
    from agent.cli.incident import show_incident

    show_incident(config, incident_id, html, json)


@incident.command()
def approve(
    incident_id: IncidentId, comment: Comment = "", config: Config = None, json: Json = False
) -> None:
    """Say yes to the plan that the incident asks for. Guards are checked again when it starts."""
    from agent.cli.deeds import vote

    vote(config, incident_id, True, comment, json)


@incident.command()
def deny(incident_id: IncidentId, comment: Comment = "", config: Config = None, json: Json = False) -> None:
    """Say no to the plan; the incident is then for people."""
    from agent.cli.deeds import vote

    vote(config, incident_id, False, comment, json)


@incident.command("close")
def close_incident(
    incident_id: IncidentId, comment: Comment = "", config: Config = None, json: Json = False
) -> None:
    """Close an incident by hand. It is not opened again while the same symptoms last."""
    from agent.cli.deeds import close

    close(config, incident_id, comment, json)


@incident.command("cancel")
def cancel_run(incident_id: IncidentId, config: Config = None, json: Json = False) -> None:
    """Cancel the run that is at work for an incident; nothing of it is left on the host."""
    from agent.cli.deeds import cancel

    cancel(config, incident_id, json)


@incident.command("run")
def ask_for_run(
    incident_id: IncidentId,
    remediation: Annotated[str, typer.Argument(metavar="REMEDIATION", help="Its name in the catalog.")],
    config: Config = None,
    json: Json = False,
) -> None:
    """Ask for a remediation by name. Policy and guards decide; nobody approves their own request."""
    from agent.cli.deeds import ask_for_run as ask

    ask(config, incident_id, remediation, json)


@app.command("pause")
def pause_agent(
    comment: Comment = "",
    duration: Annotated[
        str | None,
        typer.Option("--for", metavar="TIME", help="Resume by itself after so long, such as 30m or 2h."),
    ] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Start nothing new until resumed. What is at work goes on; incidents are still found."""
    from agent.cli.deeds import pause

    pause(config, comment, duration, json)


@app.command("resume")
def resume_agent(config: Config = None, json: Json = False) -> None:
    """End a pause."""
    from agent.cli.deeds import resume

    resume(config, json)


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
    config: Config = None,
    json: Json = False,
) -> None:
    """Walk the chain of hashes; exit code 1 and the first wrong entry when somebody changed it."""
    from agent.cli.audit import verify_audit

    verify_audit(config, head, json)


@app.command()
def diagnose(
    folder: Annotated[
        Path, typer.Argument(metavar="INCIDENT_DIR", help="metrics.csv and what else is known.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the report as JSON.")
    ] = None,
    entity: Annotated[
        str | None, typer.Option(metavar="LABEL", help="The label that names the entity of a series.")
    ] = None,
    definitions: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where the folders rules and playbooks are.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the report as a page for people.")
    ] = None,
    save_classifier: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Also write the classifier, for diagnose.classifier in the settings."
        ),
    ] = None,
    json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing.")] = False,
) -> None:
    """Say what is wrong in a recorded incident, where it comes from, and why we think so.

    Needs no server and no settings. The folder holds metrics.csv and, where known, baseline.csv,
    topology.json, logs.jsonl, events.jsonl and incident.json; all but the JSON may be .gz.
    """
    from agent.cli.diagnose import diagnose_folder

    diagnose_folder(
        folder,
        output,
        entity=entity,
        definitions=definitions,
        html=html,
        classifier=save_classifier,
        json=json,
        quiet=quiet,
    )


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
def probe(
    host: Annotated[str, typer.Argument(help="A host as your ssh configuration knows it.")],
    unit: Annotated[str, typer.Option(metavar="UNIT", help="Also this unit and its journal.")] = "",
    certificate: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH", help="Also when this certificate ends; may be repeated."),
    ] = None,
    ssh_config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The ssh configuration; default ~/.ssh/config.")
    ] = None,
    json: Json = False,
) -> None:
    """Ask a host what is wrong with it, over ssh: nothing is changed, unknown hosts are refused."""
    from agent.cli.probe import probe_host

    probe_host(host, unit, certificate or [], ssh_config, json)


@app.command()
def detect(
    metrics: Annotated[
        Path, typer.Argument(metavar="METRICS.csv", help="CSV, plain or .gz.", dir_okay=False)
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where the scores go.", dir_okay=False)
    ],
    train: Annotated[
        Path | None,
        typer.Option(
            "--train", metavar="TRAIN.csv", help="A healthy time to learn from first.", dir_okay=False
        ),
    ] = None,
    entity: Annotated[
        str | None,
        typer.Option(
            metavar="LABEL", help="The label that names a series' entity; default service, instance."
        ),
    ] = None,
) -> None:
    """Find anomalies in a metrics file, offline: a score and a verdict for every time and entity.

    A higher score is stranger. Nothing looks ahead: each row is judged as if it were the newest. Without
    --train it learns as it goes.
    """
    from agent.cli.detect import detect_in_file

    detect_in_file(metrics, train, output, entity)


@app.command()
def train(
    config: Config = None,
    json: Json = False,
    history: Annotated[
        str | None, typer.Option(metavar="TIME", help="How much of the past to learn from, such as 7d.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, max=64, help="So many processes.")] = None,
) -> None:
    """Train the models of all entities now, from what Prometheus remembers.

    The agent does the same by itself, in the background. A running agent takes up new models at its next
    poll. Times of incidents are not learned from.
    """
    import os

    from agent.process import ONE_THREAD

    os.environ.update({name: value for name, value in ONE_THREAD.items() if name not in os.environ})
    from agent.cli.models import train_models
    from agent.config.scalars import parse_duration

    try:
        span = parse_duration(history) if history is not None else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--history") from error
    train_models(config, span, jobs, json)


@models.command("list")
def list_models(config: Config = None, json: Json = False) -> None:
    """List the trainings on the shelf, and which is in force."""
    from agent.cli.models import list_models as show

    show(config, json)


@models.command("show")
def show_models(
    entity: Annotated[str | None, typer.Argument(metavar="ENTITY", help="Only this; default all.")] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Show the models in force: their members and how far each is trusted, and their thresholds."""
    from agent.cli.models import show_models as show

    show(config, entity, json)


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
    """Run the command; every expected error becomes one line and an exit code."""
    from agent.errors import ConfigError, OpsmendError

    try:
        app()
    except OpsmendError as error:
        from rich.markup import escape

        from agent.cli.output import errors

        if isinstance(error, ConfigError):
            for problem in error.problems:
                errors.print(f"[red]error:[/] {escape(str(problem))}", soft_wrap=True)
        else:
            errors.print(f"[red]error:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
