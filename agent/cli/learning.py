"""The commands around the models of whole entities."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.cli.options import Config, Json

training = typer.Typer()
models = typer.Typer(
    help="Look at the models of whole entities, and choose which are in force.", no_args_is_help=True
)
training.add_typer(models, name="models")


@training.command()
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


@models.command("promote")
def promote_models(
    training: Annotated[str, typer.Argument(metavar="TRAINING", help="As opsmend models list names it.")],
    config: Config = None,
    json: Json = False,
) -> None:
    """Put a training that is on the shelf in force, after all of its files were checked.

    A running agent takes it up at its next poll, and trains anew when detect.models.retrain_every is over.
    """
    from agent.cli.models import promote_models as promote

    promote(config, training, json)


@models.command("rollback")
def roll_back_models(config: Config = None, json: Json = False) -> None:
    """Go back to the training before the one in force, as promote does."""
    from agent.cli.models import promote_models as promote

    promote(config, None, json)
