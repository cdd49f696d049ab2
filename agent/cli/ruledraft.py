"""``opsmend rules draft``: an alert that no rule knows in, files of a rule for it out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from agent.cli.common import settings_and_stores
from agent.cli.output import console, print_json
from agent.cli.rules import show_problems
from agent.config import load_rules
from agent.errors import OpsmendError, RefusedError
from agent.workshop.drafting import keep, try_out
from agent.workshop.places import find_places
from agent.workshop.ruledraft import AlertExample, draft_rule


def draft(config: Path | None, alert: str, fault: str | None, output: Path | None, json: bool) -> None:
    """Write a draft from the alert as it was last seen; print it where no folder is given."""
    folders = find_places(config, (), ()).rules
    example, unknown = _example(config, alert)
    made = draft_rule(example, load_rules(folders), fault)
    try_out(made, folders)
    notes = (*unknown, *made.notes)
    if output is not None:
        keep(made, output)
    if json:
        print_json({"files": {str(name): text for name, text in made.files.items()}, "notes": notes})
        return
    for name, text in made.files.items():
        place = output / name if output is not None else Path("rules") / name
        console.print(f"[bold]{'written' if output else '#'}[/] {escape(str(place))}", soft_wrap=True)
        if output is None:
            console.print(escape(text), soft_wrap=True, highlight=False)
    show_problems((), notes)
    if output is None:
        console.print("--output FOLDER writes this, such as --output /etc/opsmend/rules")


def _example(config: Path | None, alert: str) -> tuple[AlertExample, Sequence[str]]:
    """Return the alert as it was last seen, and why it may not be looked up."""
    bare = AlertExample(name=alert)
    try:
        stores = settings_and_stores(config)[1]
    except RefusedError as error:
        return bare, (f"drafted without its labels and annotations: {error}",)
    except OpsmendError:
        return bare, ()  # on a machine without an agent there is nothing to look up
    seen = stores.alerts.newest(alert)
    if seen is None:
        return bare, ()
    return AlertExample(name=alert, labels=seen.labels, annotations=seen.annotations), ()
