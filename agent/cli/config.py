"""``opsmend config show``: the settings in force, and where each value comes from."""

from __future__ import annotations

from pathlib import Path

from rich.markup import escape

from agent.cli.output import console, print_json
from agent.config.effective import DEFAULT, Effective, explain
from agent.config.runtimefolder import find_config_file
from agent.errors import NotFoundError


def show_settings(config: Path | None, key: str | None, only_set: bool, json: bool) -> None:
    """Print all values, those under a key, or only those that are not the defaults."""
    file = find_config_file(config)
    found = [one for one in explain(file) if not only_set or one.origin != DEFAULT]
    if key is not None:
        found = [one for one in found if one.key == key or one.key.startswith(f"{key}.")]
        if not found:
            raise NotFoundError(f"there is no setting '{key}'; 'opsmend config show' lists all")
    if json:
        print_json(found)
    elif key is not None and found[0].key == key:
        console.print(_written(found[0]), markup=False, soft_wrap=True)
    else:
        for one in found:
            origin = "" if one.origin == DEFAULT else f"  [dim]# {escape(one.origin)}[/]"
            console.print(f"{escape(one.key)}: {escape(_written(one))}{origin}", soft_wrap=True)


def _written(one: Effective) -> str:
    """Return a value as the file would write it."""
    import orjson

    if isinstance(one.value, str) and one.value:
        return one.value
    return orjson.dumps(one.value).decode()
