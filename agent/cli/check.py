"""``opsmend check``: every problem of every file, and whether every source and host answers."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.markup import escape

from agent.cli.checkhosts import check_hosts
from agent.cli.checksources import Line, check_sources
from agent.cli.output import console, print_json
from agent.collect.http import HttpClient
from agent.config import Settings, check_settings, find_config_file, load_settings
from agent.detect.models.pyoddetector import detector_class
from agent.detect.models.shelf import detectors_of
from agent.errors import ConfigError, OpsmendError, Problem
from agent.wiring import Definitions, load_definitions

_CONFIG_EXIT = ConfigError.exit_code
_SOURCE_EXIT = 6


def check_all(config: Path | None, offline: bool, json: bool) -> None:
    """Check everything and exit with what was found."""
    file = find_config_file(config)
    problems: list[Problem] = []
    settings: Settings | None = None
    definitions: Definitions | None = None
    try:
        settings = load_settings(file)
        problems += check_settings(settings, file)
        problems += _check_models(settings, file)
        definitions = load_definitions(settings)
    except ConfigError as error:
        problems += error.problems
    lines: list[Line] = []
    if settings is not None and not offline:
        with console.status("asking sources and hosts…"):
            lines += check_sources(settings, definitions.book if definitions else None)
            lines += _check_alertmanager(settings)
            lines += check_hosts(settings)
    _report(problems, lines, definitions, json)
    if problems:
        sys.exit(_CONFIG_EXIT)
    if not all(line.good for line in lines):
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


def _check_alertmanager(settings: Settings) -> list[Line]:
    section = settings.notify.alertmanager
    if section is None:
        return []
    name = f"Alertmanager {section.url}"
    client = HttpClient("Alertmanager", "notify.alertmanager", section)
    try:
        reply = client.send("GET", "/api/v2/status")
        if reply.status != 200:
            raise client.refuse(reply, str(reply.json() or ""), "url")
    except OpsmendError as error:
        return [Line(name, False, str(error))]
    finally:
        client.close()
    return [Line(name, True, "answers")]


def _report(problems: list[Problem], lines: list[Line], definitions: Definitions | None, json: bool) -> None:
    if json:
        print_json({"problems": problems, "checks": lines})
        return
    for problem in problems:
        console.print(f"[red]wrong[/]  {escape(str(problem))}", soft_wrap=True)
    if definitions is not None:
        book = definitions.book
        console.print(
            f"[green]good[/]   {len(book.signals)} signals, {len(book.faults)} faults, "
            f"{len(book.rules)} rules, {len(definitions.catalog)} remediations"
        )
    for line in lines:
        word = "[green]good[/] " if line.good else "[red]wrong[/]"
        console.print(f"{word}  {escape(line.what)}: {escape(line.text)}", soft_wrap=True)
