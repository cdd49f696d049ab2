"""``opsmend train --diagnosis`` and what only the model that names faults has to show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.markup import escape

from agent.background.diagnosistrain import gather_examples, run_diagnosis_training
from agent.background.places import open_fault_shelf
from agent.cli.common import settings_of_state
from agent.cli.output import console, errors, print_json, print_table, write
from agent.cli.trainingpage import render_training
from agent.cli.trainings import following
from agent.config import Settings
from agent.errors import ModelError, NotFoundError
from agent.learn.faults.examples import Example
from agent.learn.faults.shelf import FaultShelf, FaultTraining
from agent.learn.faults.training import judge_model

_PHASES = {"tuning": "algorithms tried", "judging": "the best fitted and judged"}
_NONE = "no diagnosis was trained yet: opsmend train --diagnosis, or wait for the agent to do it"


def train_diagnosis(config: Path | None, jobs: int | None, report: Path | None, json: bool) -> None:
    """Train now. Raises ModelError when there is too little, ConfigError, ConflictError, StoreError."""
    settings = _with(settings_of_state(config), jobs)
    with following(_PHASES) as show:
        found = run_diagnosis_training(settings, show)
    if report is not None:
        write(report, render_training(found.training).encode())
    if json:
        print_json(
            {**_summary(found.training, found.in_force, not found.in_force), "taken_up": found.taken_up}
        )
        return
    if found.taken_up:
        errors.print(f"[yellow]note:[/] {found.taken_up} trials of a training that was killed were taken up")
    _print_training(found.training)
    console.print(
        "It is in force; a running agent takes it up at its next question."
        if found.in_force
        else "It is not in force: opsmend models compare shows how it does beside the one that is."
    )


def show_training(config: Path | None, training: str | None, html: Path | None, json: bool) -> None:
    """Show a training, by default the one in force. Raises NotFoundError, ModelError."""
    shelf = open_fault_shelf(settings_of_state(config))
    found = shelf.current() if training is None else shelf.find(training)
    if found is None:
        raise NotFoundError(_NONE)
    roles = _roles(shelf)
    if html is not None:
        write(html, render_training(found).encode())
    if json:
        role = roles.get(found.name)
        print_json({**_summary(found, role == "yes", role == "beside"), "figures": found.figures})
    elif html is None:
        _print_training(found)


def compare_diagnosis(settings: Settings) -> dict[str, Any]:
    """Judge the one in force and the one beside it on what came since. Raises ModelError."""
    shelf = open_fault_shelf(settings)
    current, beside = shelf.current(), shelf.shadow()
    both = [one for one in (current, beside) if one is not None]
    since = max((one.trained_to for one in both), default=None)
    came = [one for one in gather_examples(settings) if one.at > since] if since else []
    compared = [_compared(shelf, one, came, one is current) for one in both] if came else []
    return {"since": since, "examples": len(came), "compared": compared}


def print_diagnosis(found: Mapping[str, Any]) -> None:
    """Print how both do."""
    if not found["compared"]:
        since = f" after {found['since']:%Y-%m-%d %H:%M} UTC" if found["since"] else ""
        console.print(f"Diagnosis: no incident whose fault is known came{since} yet")
        return
    print_table(
        f"Diagnosis on {found['examples']} incidents after {found['since']:%Y-%m-%d %H:%M} UTC, which "
        "neither has learned from",
        ["training", "in force", "cost", "right of named", "calibration error", "log loss"],
        [
            (
                one["training"],
                "yes" if one["in_force"] else "beside",
                f"{one['cost']:.3f}",
                f"{one['accuracy']:.0%} of {one['named']:.0%}",
                f"{one['calibration_error']:.3f}",
                f"{one['log_loss']:.3f}",
            )
            for one in found["compared"]
        ],
    )


def _compared(
    shelf: FaultShelf, training: FaultTraining, came: Sequence[Example], in_force: bool
) -> dict[str, Any]:
    figures = judge_model(shelf.load(training), came).figures
    names = ("cost", "silence", "accuracy", "named", "calibration_error", "log_loss")
    kept = {name: value for name, value in asdict(figures).items() if name in names}
    return {"training": training.name, "in_force": in_force, **kept}


def _roles(shelf: FaultShelf) -> dict[str, str]:
    """Return which training is in force, and which runs beside; one that cannot be read is neither."""
    roles: dict[str, str] = {}
    for role, find in (("beside", shelf.shadow), ("yes", shelf.current)):
        try:
            found = find()
        except ModelError as error:
            errors.print(f"[red]refused:[/] {escape(str(error))}")
            continue
        if found is not None:
            roles[found.name] = role
    return roles


def _print_training(one: FaultTraining) -> None:
    figures = one.figures
    told = ", ".join(f"{count} by {origin}" for origin, count in one.origins.items())
    console.print(f"[bold]{one.name}[/]: {escape(one.algorithm)} ({escape(_parameters(one))})")
    console.print(
        f"Learned from {one.examples} examples ({escape(told)}), {one.features} features, "
        f"{len(one.faults)} faults; data {one.data[:12]}, opsmend {one.version}"
    )
    print_table(
        f"On the {figures.examples} newest, which it had not learned from",
        ["fault", "examples", "precision", "recall"],
        [(of.fault, of.examples, _share(of.precision), _share(of.recall)) for of in figures.faults],
    )
    console.print(
        f"It names a fault for {figures.named:.0%} and is right in {figures.accuracy:.0%} of these; "
        f"calibration error {figures.calibration_error:.3f}, log loss {figures.log_loss:.3f}"
    )
    console.print(escape(one.why[:1].upper() + one.why[1:] + "."))


def _parameters(one: FaultTraining) -> str:
    return ", ".join(f"{key} {value}" for key, value in one.parameters.items())


def _share(value: float | None) -> str:
    return f"{value:.2f}" if value is not None else "-"


def _with(settings: Settings, jobs: int | None) -> Settings:
    if jobs is None:
        return settings
    section = settings.learn.diagnosis.model_copy(update={"jobs": jobs})
    return settings.model_copy(update={"learn": settings.learn.model_copy(update={"diagnosis": section})})


def _summary(one: FaultTraining, in_force: bool, beside: bool) -> dict[str, Any]:
    figures = one.figures
    return {
        "name": one.name,
        "kind": "diagnosis",
        "in_force": in_force,
        "beside": beside,
        "made_at": one.made_at,
        "version": one.version,
        "trained_from": one.trained_from,
        "trained_to": one.trained_to,
        "algorithm": one.algorithm,
        "parameters": one.parameters,
        "examples": one.examples,
        "origins": one.origins,
        "faults": one.faults,
        "data": one.data,
        "cost": figures.cost,
        "silence": figures.silence,
        "accuracy": figures.accuracy,
        "named": figures.named,
        "calibration_error": figures.calibration_error,
        "log_loss": figures.log_loss,
        "note": one.why,
    }
