"""``opsmend models``: what is on the shelves of all kinds of models, and another training put there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape

from agent.background.shelves import KINDS, move_training, shelved
from agent.cli.agentapi import agent_api
from agent.cli.common import settings_of_state
from agent.cli.output import ago, console, errors, print_json, print_table
from agent.config import Settings
from agent.errors import ModelError, OpsmendError
from agent.records.training import Move, TrainingKind


def list_models(config: Path | None, json: bool) -> None:
    """List the trainings of all kinds, the newest of each first."""
    settings = settings_of_state(config)
    found = [one for kind in KINDS for one in shelved(settings, kind, _tell_refused)]
    if json:
        print_json(found)
        return
    if not found:
        console.print("nothing was trained yet: opsmend train, or wait for the agent to do it")
        return
    print_table(
        "Trainings of each kind, the newest first",
        ["kind", "training", "in force", "made", "learned from", "models", "by version", "note"],
        [
            (
                one.kind,
                one.name,
                "yes" if one.in_force else "beside" if one.beside else "",
                ago(one.made_at),
                f"{one.trained_from:%Y-%m-%d} to {one.trained_to:%m-%d %H:%M}",
                one.models,
                one.version,
                one.note,
            )
            for one in found
        ],
    )


def move_models(
    config: Path | None, kind: TrainingKind, move: Move, training: str | None, json: bool
) -> None:
    """Put a training somewhere. Raises NotFoundError, ConflictError, ModelError."""
    moved = move_training(settings_of_state(config), kind, move, training)
    if json:
        print_json(moved)
    elif moved is None:
        console.print(f"nothing of kind {kind} runs beside what is in force")
    else:
        place = "runs beside what is in force and is compared" if moved.beside else "is in force"
        console.print(
            f"{moved.name} ({kind}) {place}: learned from {moved.trained_from:%Y-%m-%d} to "
            f"{moved.trained_to:%Y-%m-%d %H:%M} UTC; a running agent takes it up when it looks next"
        )


def compare_models(config: Path | None, json: bool) -> None:
    """Say of each kind how what is in force and what runs beside it did on what came since."""
    from agent.cli.failuremodels import compare_failures, print_failures
    from agent.cli.faultmodels import compare_diagnosis, print_diagnosis

    settings = settings_of_state(config)
    of_kind: Sequence[tuple[str, Callable[[], dict[str, Any]], Callable[[dict[str, Any]], None]]] = (
        ("entity", lambda: _compare_entities(config, settings), _print_entities),
        ("diagnosis", lambda: compare_diagnosis(settings), print_diagnosis),
        ("failures", lambda: compare_failures(settings), print_failures),
    )
    found: dict[str, Any] = {}
    for kind, compare, print_compared in of_kind:
        try:
            found[kind] = compare()
        except OpsmendError as error:  # one kind that cannot be compared hides no other
            found[kind] = {"failed": str(error)}
            if not json:
                errors.print(f"[red]{kind}:[/] {escape(str(error))}")
            continue
        if not json:
            print_compared(found[kind])
    if json:
        print_json(found)


def _compare_entities(config: Path | None, settings: Settings) -> dict[str, Any]:
    """Return what the running agent has counted since it took up both."""
    beside = next((one.name for one in shelved(settings, "entity") if one.beside), "")
    if not beside:
        return {"beside": "", "compared": None}
    api = agent_api(config)
    models = (api.get("/api/v1/status").get("entity_models") or {}) if api.running else {}
    return {
        "in_force": models.get("generation", ""),
        "beside": beside,
        "compared": models.get("compared") if models.get("beside") == beside else None,
    }


def _print_entities(found: dict[str, Any]) -> None:
    counts = found["compared"]
    if not found["beside"]:
        console.print("Entities: nothing runs beside what is in force")
    elif not counts:
        console.print(f"Entities: the agent has not asked {found['beside']} beside what is in force yet")
    else:
        console.print(
            f"Entities, since both are in use: {counts['judged']} judgements; strange to "
            f"{found['in_force']}, in force, {counts['in_force']}, to {found['beside']}, beside, "
            f"{counts['beside']}, to both {counts['both']}"
        )


def _tell_refused(error: ModelError) -> None:
    errors.print(f"[red]refused:[/] {escape(str(error))}")
