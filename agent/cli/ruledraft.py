"""``opsmend rules draft``: an alert that no rule knows in, files of a rule for it out."""

from __future__ import annotations

from pathlib import Path

from rich.markup import escape

from agent.cli.common import settings_and_stores
from agent.cli.output import console, print_json
from agent.cli.rules import show_problems
from agent.config import load_rules
from agent.errors import OpsmendError
from agent.workshop.drafting import keep, try_out
from agent.workshop.places import find_places
from agent.workshop.ruledraft import AlertExample, draft_rule


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
