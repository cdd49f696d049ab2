"""The commands around what is trained: models of whole entities, and the one that names faults."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.cli.options import Config, Json, span_of
from agent.records.training import Move, TrainingKind

training = typer.Typer()
models = typer.Typer(help="Look at what was trained, and choose what is in force.", no_args_is_help=True)
training.add_typer(models, name="models")

Diagnosis = Annotated[
    bool, typer.Option("--diagnosis", help="The model that names faults instead of those of whole entities.")
]
Failures = Annotated[bool, typer.Option("--failures", help="The one of how likely hosts fail ahead instead.")]
Name = Annotated[str, typer.Argument(metavar="TRAINING", help="As opsmend models list names it.")]


def kind_of(diagnosis: bool, failures: bool) -> TrainingKind:
    """Return the kind of models that options mean. Raises BadParameter."""
    if diagnosis and failures:
        raise typer.BadParameter("is another kind than --diagnosis", param_hint="--failures")
    return "diagnosis" if diagnosis else "failures" if failures else "entity"


@training.command()
def train(
    config: Config = None,
    json: Json = False,
    history: Annotated[
        str | None, typer.Option(metavar="TIME", help="How much of the past to learn from, such as 7d.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, max=64, help="So many processes.")] = None,
    diagnosis: Diagnosis = False,
    failures: Failures = False,
    beside: Annotated[
        bool, typer.Option("--beside", help="Have the new models of entities run beside those in force.")
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", help="With --diagnosis: also write how good it is, with pictures."),
    ] = None,
) -> None:
    """Train the models of all entities now, from what Prometheus remembers.

    The agent does the same by itself, in the background. A running agent takes up new models at its next
    poll. Times of incidents are not learned from. With --diagnosis the model that names faults is trained
    instead, from past incidents. With --failures it is learned how likely a fault begins on a host within
    1, 6 and 24 hours; where that is no better than the base rate, nothing is said. These two are put in
    force only where they are better than the one that is, on the same held-back data; else they run beside.
    """
    kind_of(diagnosis, failures)
    if beside and (diagnosis or failures):
        raise typer.BadParameter(
            "is for the models of entities: the others are judged", param_hint="--beside"
        )
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

    span = span_of("--history", history) if history is not None else None
    train_models(config, span, jobs, beside, json)


@models.command("list")
def list_models(config: Config = None, json: Json = False) -> None:
    """List the trainings of all kinds, and which are in force or run beside."""
    from agent.cli.shelves import list_models as show

    show(config, json)


@models.command("show")
def show_models(
    entity: Annotated[
        str | None,
        typer.Argument(metavar="ENTITY", help="Only this; default all. Of the other kinds a training."),
    ] = None,
    config: Config = None,
    json: Json = False,
    diagnosis: Diagnosis = False,
    failures: Failures = False,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --diagnosis: write a page, with confusion and calibration."),
    ] = None,
) -> None:
    """Show the models in force: their members and how far each is trusted, and their thresholds.

    With --diagnosis or --failures: how good the training in force, or the one that is named, is on what
    was held back.
    """
    kind = kind_of(diagnosis, failures)
    if html is not None and kind != "diagnosis":
        raise typer.BadParameter("is there with --diagnosis only", param_hint="--html")
    if kind == "diagnosis":
        from agent.cli.faultmodels import show_training

        show_training(config, entity, html, json)
    elif kind == "failures":
        from agent.cli.failuremodels import show_failures

        show_failures(config, entity, json)
    else:
        from agent.cli.models import show_models as show

        show(config, entity, json)


@models.command("promote")
def promote_models(
    training: Name,
    config: Config = None,
    json: Json = False,
    diagnosis: Diagnosis = False,
    failures: Failures = False,
) -> None:
    """Put a training that is on the shelf in force, after all of its files were checked.

    A running agent takes it up when it looks next, and trains anew when retrain_every of its kind is over.
    """
    _move(config, kind_of(diagnosis, failures), "promote", training, json)


@models.command("rollback")
def roll_back_models(
    config: Config = None, json: Json = False, diagnosis: Diagnosis = False, failures: Failures = False
) -> None:
    """Go back to the training before the one in force, as promote does."""
    _move(config, kind_of(diagnosis, failures), "rollback", None, json)


@models.command("beside")
def run_models_beside(
    training: Annotated[
        str | None, typer.Argument(metavar="TRAINING", help="As opsmend models list names it.")
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="Have none run beside any more.")] = False,
    config: Config = None,
    json: Json = False,
    diagnosis: Diagnosis = False,
    failures: Failures = False,
) -> None:
    """Have a training run beside the one in force: asked as well, compared, and acted on by nobody."""
    if (training is None) != none:
        raise typer.BadParameter("name either a training or --none", param_hint="TRAINING")
    _move(config, kind_of(diagnosis, failures), "beside", training, json)


@models.command("compare")
def compare_models(config: Config = None, json: Json = False) -> None:
    """Say of each kind how the training in force and the one that runs beside it do on what came since.

    The one beside is asked whenever the one in force is, and acted on by nobody; promote puts it in force.
    """
    from agent.cli.shelves import compare_models as compare

    compare(config, json)


def _move(config: Path | None, kind: TrainingKind, move: Move, training: str | None, json: bool) -> None:
    from agent.cli.shelves import move_models

    move_models(config, kind, move, training, json)
