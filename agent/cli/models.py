"""``opsmend train`` and ``opsmend models show``: models of whole entities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.markup import escape

from agent.background.entitytrain import run_training
from agent.background.places import open_shelf
from agent.cli.common import settings_of_state
from agent.cli.output import console, errors, print_json, print_table
from agent.cli.trainings import following
from agent.config import Settings
from agent.detect.models.entitymodel import EntityModel
from agent.detect.models.shelf import Card, Generation
from agent.errors import NotFoundError

_PHASES = {
    "reading": "signals read from the source",
    "training": "entities trained",
}


def train_models(
    config: Path | None, history: timedelta | None, jobs: int | None, beside: bool, json: bool
) -> None:
    """Train all entity models now. Raises SourceError, ModelError, ConfigError, ConflictError."""
    settings = _with(settings_of_state(config), history, jobs)
    with following(_PHASES) as show:
        generation = run_training(settings, show, in_force=not beside)
    if json:
        print_json(_summary(generation, not beside))
        return
    if generation.note:
        errors.print(f"[yellow]note:[/] {escape(generation.note)}")
    console.print(
        f"{len(generation.cards)} entities trained on {_days(generation)} up to "
        f"{generation.trained_to:%Y-%m-%d %H:%M} UTC; a running agent takes them up at its next poll"
        + (" and compares them: opsmend models compare" if beside else "")
    )


def show_models(config: Path | None, entity: str | None, json: bool) -> None:
    """Show the models in force: of all entities, or of one. Raises NotFoundError, ModelError."""
    shelf = open_shelf(settings_of_state(config))
    generation = shelf.current()
    if generation is None:
        raise NotFoundError("nothing was trained yet: opsmend train, or wait for the agent to do it")
    cards = [card for card in generation.cards if entity in (None, card.entity)]
    if not cards:
        raise NotFoundError(f"there is no model of '{entity}' in {generation.name}")
    if json:
        print_json({**_summary(generation, True), "cards": cards})
        return
    if entity is None:
        _print_cards(generation, cards)
    else:
        _print_model(generation, cards[0], shelf.load_one(generation, cards[0]))


def _print_cards(generation: Generation, cards: Sequence[Card]) -> None:
    print_table(
        f"Models of {generation.name}, learned from {_days(generation)}",
        ["entity", "series", "members by trust", "KiB"],
        [(card.entity, card.series, _trust(card.members), card.size >> 10) for card in cards],
    )


def _print_model(generation: Generation, card: Card, model: EntityModel) -> None:
    console.print(f"[bold]{escape(model.entity)}[/]: a row every {generation.step_s:g} s")
    console.print(f"Members by trust: {escape(_trust(card.members))}")
    rows = []
    for (signal, labels), level, scale in zip(model.keys, model.plan.level, model.plan.scale, strict=True):
        told = ", ".join(f"{key}={value}" for key, value in labels.items())
        rows.append((signal, told, f"{level:.4g}", f"{scale:.4g}"))
    print_table("Series", ["signal", "labels", "usual", "scale"], rows)


def _with(settings: Settings, history: timedelta | None, jobs: int | None) -> Settings:
    changed: dict[str, Any] = {}
    if history is not None:
        changed["history"] = history
    if jobs is not None:
        changed["jobs"] = jobs
    models = settings.detect.models.model_copy(update=changed)
    return settings.model_copy(update={"detect": settings.detect.model_copy(update={"models": models})})


def _summary(generation: Generation, in_force: bool) -> dict[str, Any]:
    return {
        "name": generation.name,
        "kind": "entity",
        "in_force": in_force,
        "made_at": generation.made_at,
        "version": generation.version,
        "step_s": generation.step_s,
        "trained_from": generation.trained_from,
        "trained_to": generation.trained_to,
        "entities": len(generation.cards),
        "members": sorted({name for card in generation.cards for name in card.members}),
        "note": generation.note,
    }


def _days(generation: Generation) -> str:
    days = (generation.trained_to - generation.trained_from) / timedelta(days=1)
    return f"{days:.1f} days"


def _trust(members: Mapping[str, float]) -> str:
    ranked = sorted(members.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{name} {weight:.2f}" for name, weight in ranked)
