"""``opsmend check``: every problem of every file, and whether everything that the agent needs is there."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from agent.check.files import check_loaded, secrets_in_the_open
from agent.check.identity import as_another, look_as_the_agent
from agent.check.lines import Level, Line
from agent.check.site import Site
from agent.check.unit import check_unit
from agent.cli.output import console, print_json
from agent.config import Settings, check_settings, find_config_file, load_settings
from agent.detect.models.pyoddetector import detector_class
from agent.detect.models.shelf import detectors_of
from agent.errors import ConfigError, Problem
from agent.wiring import Definitions, load_definitions

_CONFIG_EXIT = ConfigError.exit_code
_SOURCE_EXIT = 6
_WORDS = {
    Level.GOOD: "[green]good[/]   ",
    Level.MISSING: "[yellow]missing[/]",
    Level.WRONG: "[red]wrong[/]  ",
}


def check_all(config: Path | None, offline: bool, send: bool, json: bool) -> None:
    """Check everything and exit with what was found."""
    file = find_config_file(config).absolute()
    problems: list[Problem] = []
    definitions: Definitions | None = None
    with tempfile.TemporaryDirectory(prefix="opsmend-check-") as folder:
        another = look_as_the_agent(file, Path(folder))
        lines = [as_another(another)] if another else []
        settings: Settings | None = None
        try:
            settings = load_settings(file)
            problems += check_settings(settings, file, as_agent=not another)
            problems += check_loaded(settings, file, as_agent=not another)
            problems += check_unit(settings, file)
            lines += secrets_in_the_open(settings)
            problems += _check_models(settings, file)
            definitions = load_definitions(settings)
        except ConfigError as error:
            problems += error.problems
        if settings is not None and not offline:
            with console.status("asking sources and hosts…"):
                site = Site(
                    settings=settings, definitions=definitions, folder=Path(folder), as_agent=not another
                )
                lines += site.check(send)
    _report(problems, lines, definitions, json)
    if problems:
        sys.exit(_CONFIG_EXIT)
    if any(line.level is Level.WRONG for line in lines):
        sys.exit(_SOURCE_EXIT)


def _check_models(settings: Settings, file: Path) -> list[Problem]:
    """Import the detectors that are named by their class path, and nothing when none is."""
    problems = []
    for path in detectors_of(settings.detect.models.members):
        try:
            detector_class(path)
        except ConfigError as error:
            key = "detect.models.members"
            problems.append(Problem(file, str(error.problems[0].message).removeprefix(f"{key}: "), key=key))
    return problems


def _report(
    problems: Sequence[Problem], lines: Sequence[Line], definitions: Definitions | None, json: bool
) -> None:
    if json:
        print_json({"problems": problems, "checks": lines})
        return
    for problem in problems:
        console.print(f"{_WORDS[Level.WRONG]} {escape(str(problem))}", soft_wrap=True)
    if definitions is not None:
        book = definitions.book
        console.print(
            f"{_WORDS[Level.GOOD]} {len(book.signals)} signals, {len(book.faults)} faults, "
            f"{len(book.rules)} rules, {len(definitions.catalog)} remediations"
        )
    print_lines(lines)


def print_lines(lines: Sequence[Line]) -> None:
    """Print what was found, a line each."""
    for line in lines:
        console.print(f"{_WORDS[line.level]} {escape(line.what)}: {escape(line.text)}", soft_wrap=True)
