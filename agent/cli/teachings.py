"""``opsmend incident feedback`` and ``opsmend learning``: what people say of diagnoses."""

from __future__ import annotations

from pathlib import Path

import click
import typer
from rich.markup import escape

from agent.cli.agentapi import agent_api
from agent.cli.output import console, print_json
from agent.errors import OpsmendError

_COLOURS = {"accepted": "green", "refused": "red", "undone": "red", "waiting": "yellow"}
_MOST_TYPED = 2000  # characters, as much as the API takes


def say_of_incident(
    config: Path | None,
    incident_id: int,
    right: bool | None,
    fault: str,
    remediation: str,
    commands: Path | None,
    comment: str,
    json: bool,
) -> None:
    """Say that a diagnosis was right or wrong, which fault it was, or what fixed it."""
    given = [right is not None, bool(fault), bool(remediation), commands is not None]
    if sum(given) != 1:
        raise typer.BadParameter(
            "say one of --right, --wrong, --it-was FAULT, --fixed-by REMEDIATION and --by-hand FILE"
        )
    if commands is not None and comment:
        raise typer.BadParameter(
            "the commands are the comment: write why as a line behind #", param_hint="--by-hand"
        )
    kind = "it_was" if fault else "fixed_by" if remediation else "right" if right else "wrong"
    if commands is not None:
        kind, comment = "by_hand", _pasted(commands)
    body = {"kind": kind, "fault": fault, "remediation": remediation, "note": comment}
    said = agent_api(config).post(f"/api/v1/incidents/{incident_id}/feedback", body)
    if json:
        print_json(said)
    elif commands is not None:
        console.print("kept, and never carried out; [bold]opsmend learning patterns[/] makes drafts of it")
    else:
        console.print(
            "kept; it counts unless the proved past is named worse by it: [bold]opsmend learning[/]"
        )


def _pasted(file: Path) -> str:
    """Return what somebody typed, from a file or standard input. Raises OpsmendError."""
    try:
        with click.open_file(str(file), errors="replace") as stream:
            text = str(stream.read(_MOST_TYPED + 1))
    except OSError as error:
        raise OpsmendError(f"{file} cannot be read: {error.strerror}") from error
    if len(text) > _MOST_TYPED:
        raise OpsmendError(f"these are more than {_MOST_TYPED} characters: leave out what did not help")
    return text


def show_learning(config: Path | None, json: bool) -> None:
    """Show what became of what people said of diagnoses."""
    found = agent_api(config).get("/api/v1/proposals")
    if json:
        print_json(found)
        return
    if not found["proposals"]:
        console.print("nobody said anything of a diagnosis yet")
    for one in found["proposals"]:
        said, state = one["feedback"], one["state"]
        what = " ".join(
            part for part in (said["kind"].replace("_", " "), said["fault"], said["remediation"]) if part
        )
        text = f"incident {said['incident_id']}: {said['author']} said {what}"
        console.print(
            f"[{_COLOURS[state]}]{state:8}[/]  {escape(text)}; {escape(one['why'])}", soft_wrap=True
        )
    for one in found["doubtful"]:
        text = f"{one['worse']} of {one['said']} things that {one['author']} said would have made it worse"
        console.print(f"[red]doubtful[/]  {escape(text)}", soft_wrap=True)
