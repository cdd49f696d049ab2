"""``opsmend rules draft``: an alert that no rule knows in, files of a rule for it out."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from agent.cli.common import settings_and_stores
from agent.cli.output import console, print_json, write
from agent.cli.rules import show_problems
from agent.config import load_rules
from agent.errors import ConfigError, OpsmendError, Problem
from agent.workshop.places import find_places
from agent.workshop.ruledraft import AlertExample, Draft, draft_rule
from agent.workshop.ruletests import rule_test_files, run_rule_tests


def draft(config: Path | None, alert: str, fault: str | None, output: Path | None, json: bool) -> None:
    """Write a draft from the alert as it was last seen; print it where no folder is given."""
    folders = find_places(config, (), ()).rules
    made = draft_rule(_example(config, alert), load_rules(folders), fault)
    try_out(made, folders)
    if output is not None:
        keep(made, output)
    if json:
        print_json({"files": {str(name): text for name, text in made.files.items()}, "notes": made.notes})
        return
    for name, text in made.files.items():
        place = output / name if output is not None else Path("rules") / name
        console.print(f"[bold]{'written' if output else '#'}[/] {escape(str(place))}", soft_wrap=True)
        if output is None:
            console.print(escape(text), soft_wrap=True, highlight=False)
    show_problems((), made.notes)
    if output is None:
        console.print("--output FOLDER writes this, such as --output /etc/opsmend/rules")


def _example(config: Path | None, alert: str) -> AlertExample:
    try:
        stores = settings_and_stores(config)[1]
    except OpsmendError:
        return AlertExample(name=alert)  # on a machine without an agent there is nothing to look up
    seen = stores.alerts.newest(alert)
    if seen is None:
        return AlertExample(name=alert)
    return AlertExample(name=alert, labels=seen.labels, annotations=seen.annotations)


def try_out(made: Draft, folders: Sequence[Path]) -> None:
    """Raise ConfigError when the draft does not do what its story says, beside all other rules."""
    with tempfile.TemporaryDirectory(prefix="opsmend-draft-") as place:
        keep(made, Path(place))
        book = load_rules([*folders, Path(place)])
        report = run_rule_tests(book, rule_test_files([Path(place)]))
    if report.problems:
        raise ConfigError(report.problems)


def keep(made: Draft, folder: Path) -> None:
    """Write a draft. Raises ConfigError rather than write over anything."""
    there = [folder / name for name in made.files if (folder / name).exists()]
    if there:
        raise ConfigError([Problem(file, "stands there already", hint="remove it first") for file in there])
    for name, text in made.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write(folder / name, text.encode())
