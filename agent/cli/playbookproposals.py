"""``opsmend playbooks proposals``: changes of remediations that their figures suggest, as patches."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape

from agent.cleantext import clean
from agent.cli.common import settings_and_stores
from agent.cli.output import console, print_json, write
from agent.clock import SystemClock
from agent.config import load_rules
from agent.config.rulefiles import Rulebook
from agent.decide import load_catalog
from agent.errors import ConflictError, NotFoundError, RefusedError
from agent.wiring import make_ansible
from agent.workshop.places import Places
from agent.workshop.playbookproposals import (
    NotProposed,
    PlaybookProposal,
    combined_diff,
    find_proposals,
)


def show_proposals(config: Path | None, id_: str | None, file: Path | None, json: bool) -> None:
    """List proposals, show one with its patch, or write one or all into a file that people apply."""
    if file is not None and file.is_file():
        raise ConflictError(f"{file} exists already")
    places, book, proposals, left = _find(config)
    if id_ is not None:
        proposals = [one for one in proposals if one.id == id_]
        if not proposals:
            raise NotFoundError(f"there is no proposal '{id_}'; 'opsmend playbooks proposals' lists them")
    if file is not None:
        _write(file, proposals, book, places)
    if json:
        print_json(
            {
                "proposals": [_described(one) for one in proposals],
                "not_proposed": left if id_ is None else [],
                "written": str(file) if file is not None else None,
            }
        )
        return
    for one in proposals:
        _show(one, in_whole=id_ is not None)
    for missing in left if id_ is None else ():
        text = f"{missing.remediation}: {missing.about}: {missing.why}"
        console.print(f"[yellow]no proposal[/]  {escape(text)}", soft_wrap=True)
    if not proposals and not left:
        console.print("nothing could be better, as far as the runs of this site tell")
    if file is not None:
        _say_how(file, proposals)
    elif proposals:
        last = "" if id_ is None else f" {id_}"
        command = f"opsmend playbooks proposals{last} --write FILE"
        console.print(f"nothing was changed; [bold]{escape(command)}[/] writes a patch to apply")


def _find(
    config: Path | None,
) -> tuple[Places, Rulebook, list[PlaybookProposal], list[NotProposed]]:
    settings, stores = settings_and_stores(config)
    if settings.agent.time_scale != 1:
        raise RefusedError(
            "agent.time_scale is not 1: times that are measured here are not those of the files"
        )
    places = Places(rules=settings.paths.rules, playbooks=settings.paths.playbooks)
    book = load_rules(places.rules)
    try:
        attempts = stores.attempts.newest()
    finally:
        stores.close()
    catalog = load_catalog(places.playbooks, book.faults)
    snapshots = make_ansible(settings, SystemClock()).snapshots
    return (places, book, *find_proposals(catalog, book, places, attempts, snapshots.is_current))


def _write(file: Path, proposals: Sequence[PlaybookProposal], book: Rulebook, places: Places) -> None:
    """Write a patch. Raises RefusedError where it would be of two folders."""
    if not proposals:
        raise NotFoundError("there is no proposal to write")
    folders = {one.folder for one in proposals}
    if len(folders) > 1:
        names = ", ".join(sorted(map(str, folders)))
        raise RefusedError(f"the proposals are for files in {names}: write them one by one")
    said = [f"{one.id} {one.remediation.name}: {one.change.what}: {one.change.why}" for one in proposals]
    head = "".join(f"# {clean(line)}\n" for line in (*said, *_commands(file, proposals)))
    write(file, f"{head}{combined_diff(proposals, book, places)}".encode())


def _commands(file: Path, proposals: Sequence[PlaybookProposal]) -> list[str]:
    """Return what applies a patch, stock remediations copied into the site's own folder before."""
    folder = shlex.quote(str(proposals[0].folder))
    copies = dict.fromkeys(one.copy for one in proposals if one.copy is not None)
    wanted = [f"cp -R {shlex.quote(str(copy))} {folder}/" for copy in copies]
    # else it takes a carriage return at the end of a line for a mistake
    binary = " --binary" if any("\r\n" in one.diff for one in proposals) else ""
    return [*wanted, f"patch -d {folder} -p1{binary} < {shlex.quote(str(file))}"]


def _say_how(file: Path, proposals: Sequence[PlaybookProposal]) -> None:
    console.print(f"[green]wrote[/]  {escape(str(file))}; look at it, then")
    for command in _commands(file.absolute(), proposals):
        console.print(f"  [bold]{escape(command)}[/]", soft_wrap=True)
    console.print("  [bold]opsmend playbooks check[/] and [bold]opsmend reload[/]")


def _show(one: PlaybookProposal, in_whole: bool) -> None:
    text = f"{one.remediation.name}: {one.change.what}"
    console.print(f"[bold]{one.id}[/]  {escape(text)}", soft_wrap=True)
    console.print(f"  because of {one.runs} runs of these files: {escape(one.change.why)}", soft_wrap=True)
    if one.copy is not None:
        note = f"{one.copy} is stock: what stands in {one.folder} under its name replaces it"
        console.print(f"  {escape(note)}", soft_wrap=True)
    if in_whole:
        console.print(escape(one.diff), soft_wrap=True, highlight=False)


def _described(one: PlaybookProposal) -> dict[str, Any]:
    return {
        "id": one.id,
        "remediation": one.remediation.name,
        "what": one.change.what,
        "why": one.change.why,
        "runs": one.runs,
        "edits": one.change.edits,
        "diff": one.diff,
        "folder": str(one.folder),
        "copy_first": str(one.copy) if one.copy is not None else None,
    }
