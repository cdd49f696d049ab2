"""The commands that need no settings and no running agent: they read a file, a folder or a host."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.cli.options import Config, Json, span_of

MetricsArgument = Annotated[
    Path, typer.Argument(metavar="METRICS.csv", help="CSV, plain or .gz.", dir_okay=False)
]
EntityLabel = Annotated[
    str | None,
    typer.Option(metavar="LABEL", help="The label that names a series' entity; default service, instance."),
]

offline = typer.Typer()
logs = typer.Typer(help="Look into log files.", no_args_is_help=True)
offline.add_typer(logs, name="logs")


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


@offline.command()
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


@offline.command()
def detect(
    metrics: MetricsArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where the scores go.", dir_okay=False)
    ],
    train: Annotated[
        Path | None,
        typer.Option(
            "--train", metavar="TRAIN.csv", help="A healthy time to learn from first.", dir_okay=False
        ),
    ] = None,
    entity: EntityLabel = None,
    timezone: Annotated[
        str, typer.Option(metavar="ZONE", help="Whose days the series follow, such as Europe/Berlin.")
    ] = "UTC",
) -> None:
    """Find anomalies in a metrics file, offline: a score and a verdict for every time and entity.

    A higher score is stranger. Nothing looks ahead: each row is judged as if it were the newest. Without
    --train it learns as it goes.
    """
    from agent.cli.detect import detect_in_file

    detect_in_file(metrics, train, output, entity, timezone)


@offline.command()
def predict(
    metrics: MetricsArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where they go.", dir_okay=False)
    ],
    entity: EntityLabel = None,
    horizon: Annotated[
        str, typer.Option(metavar="SPAN", help="How far ahead what is used up counts, such as 2h.")
    ] = "2h",
) -> None:
    """Foretell faults in a metrics file, offline: a probability and an alarm for every time and entity.

    Nothing looks ahead: each row knows only what was before it. Members of a group that part from their peers
    and their own past are about to fail; what is named as free or used is about to be used up.
    """
    from agent.cli.predict import predict_in_file

    predict_in_file(metrics, output, entity, span_of("--horizon", horizon))


@offline.command()
def probe(
    host: Annotated[str, typer.Argument(help="A host of the inventory, by any of its names.")],
    unit: Annotated[str, typer.Option(metavar="UNIT", help="Also this unit and its journal.")] = "",
    certificate: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH", help="Also when this certificate ends; may be repeated."),
    ] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Ask a host what is wrong with it, over Ansible's connection: nothing is changed there."""
    from agent.cli.probe import probe_host

    probe_host(config, host, unit, certificate or [], json)
