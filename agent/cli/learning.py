"""The commands around what is trained: models of whole entities, and the one that names faults."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.cli.options import Config, Json

training = typer.Typer()
models = typer.Typer(help="Look at what was trained, and choose what is in force.", no_args_is_help=True)
training.add_typer(models, name="models")

Diagnosis = Annotated[
    bool, typer.Option("--diagnosis", help="The model that names faults instead of those of whole entities.")
]


@training.command()
def train(
    config: Config = None,
    json: Json = False,
    history: Annotated[
        str | None, typer.Option(metavar="TIME", help="How much of the past to learn from, such as 7d.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, max=64, help="So many processes.")] = None,
    diagnosis: Diagnosis = False,
    failures: Annotated[
        bool,
        typer.Option("--failures", help="How likely hosts fail ahead, from how they were before incidents."),
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", help="With --diagnosis: also write how good it is, with pictures."),
    ] = None,
) -> None:
    """Train the models of all entities now, from what Prometheus remembers.

    The agent does the same by itself, in the background. A running agent takes up new models at its next
    poll. Times of incidents are not learned from. With --diagnosis the model that names faults is trained
    instead, from past incidents; it is put in force only where it is better than the one that is. With
    --failures it is learned how likely a fault begins on a host within 1, 6 and 24 hours; where that is no
    better than the base rate, nothing is said.
    """
    if diagnosis and failures:
        raise typer.BadParameter("is another training than --diagnosis", param_hint="--failures")
    if failures and (history, jobs) != (None, None):
        raise typer.BadParameter("goes by the settings alone (learn.failures)", param_hint="--failures")
    if diagnosis and history is not None:
        raise typer.BadParameter("it learns from all incidents of the store", param_hint="--history")
    if report is not None and not diagnosis:
        raise typer.BadParameter("is there with --diagnosis only", param_hint="--report")
    import os

    from agent.process import ONE_THREAD

    os.environ.update({name: value for name, value in ONE_THREAD.items() if name not in os.environ})
    if failures:
        from agent.cli.failuremodels import train_failures

        train_failures(config, json)
        return
    if diagnosis:
        from agent.cli.faultmodels import train_diagnosis

        train_diagnosis(config, jobs, report, json)
        return
    from agent.cli.models import train_models
    from agent.config.scalars import parse_duration

    try:
        span = parse_duration(history) if history is not None else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--history") from error
    train_models(config, span, jobs, json)


@models.command("list")
def list_models(config: Config = None, json: Json = False) -> None:
    """List the trainings on the shelf, and which are in force or run beside."""
    from agent.cli.models import list_models as show

    show(config, json)


@models.command("show")
def show_models(
    entity: Annotated[
        str | None,
        typer.Argument(metavar="ENTITY", help="Only this; default all. With --diagnosis a training."),
    ] = None,
    config: Config = None,
    json: Json = False,
    diagnosis: Diagnosis = False,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --diagnosis: write a page, with confusion and calibration."),
    ] = None,
) -> None:
    """Show the models in force: their members and how far each is trusted, and their thresholds.

    With --diagnosis: how good the trained diagnosis in force is, or the training that is named.
    """
    if diagnosis:
        from agent.cli.faultmodels import show_training

        show_training(config, entity, html, json)
        return
    if html is not None:
        raise typer.BadParameter("is there with --diagnosis only", param_hint="--html")
    from agent.cli.models import show_models as show

    show(config, entity, json)


@models.command("promote")
def promote_models(
    training: Annotated[str, typer.Argument(metavar="TRAINING", help="As opsmend models list names it.")],
    config: Config = None,
    json: Json = False,
    diagnosis: Diagnosis = False,
) -> None:
    """Put a training that is on the shelf in force, after all of its files were checked.

    A running agent takes it up at its next poll, and trains anew when detect.models.retrain_every is over.
    """
    if diagnosis:
        from agent.cli.faultmodels import promote_training as promote
    else:
        from agent.cli.models import promote_models as promote
    promote(config, training, json)


@models.command("rollback")
def roll_back_models(config: Config = None, json: Json = False, diagnosis: Diagnosis = False) -> None:
    """Go back to the training before the one in force, as promote does."""
    if diagnosis:
        from agent.cli.faultmodels import promote_training as promote
    else:
        from agent.cli.models import promote_models as promote
    promote(config, None, json)


@models.command("compare")
def compare_models(config: Config = None, json: Json = False) -> None:
    """Judge the trained diagnosis in force, and the one that runs beside it, on incidents that came since.

    The one beside is asked whenever the one in force is, and acted on by nobody; promote puts it in force.
    """
    from agent.cli.faultmodels import compare_trainings

    compare_trainings(config, json)
