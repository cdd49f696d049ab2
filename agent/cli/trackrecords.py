"""``opsmend remediations`` and ``opsmend autonomy``: what came of runs, and what it allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.padding import Padding

from agent.cli.agentapi import agent_api
from agent.cli.output import console, print_json
from agent.quantity import span_in_words


def list_track_records(config: Path | None, json: bool) -> None:
    """Show what came of remediations, what could be better, and how far each may go by itself."""
    found = agent_api(config).get("/api/v1/track-records")
    if json:
        print_json(found)
        return
    if not found["records"]:
        console.print("nothing was run yet")
        return
    rungs = {(one["remediation"], one["fault"]): one for one in found["autonomy"]}
    for one in found["records"]:
        rung = rungs[one["remediation"], one["fault"]]["rung"]
        about = escape(f"{one['remediation']} for {one['fault']}")
        console.print(f"[bold]{about}[/] on {escape(_where(one))}, autonomy [bold]{rung}[/]")
        for line in _lines(one):
            console.print(Padding(escape(line), (0, 0, 0, 2)))
        for text in one["opportunities"]:
            console.print(Padding(f"[yellow]could be better:[/] {escape(text)}", (0, 0, 0, 2)))
    if any(one["opportunities"] for one in found["records"]):
        console.print("[bold]opsmend playbooks proposals[/] makes patches where the figures are enough")
    for one in found["autonomy"]:
        _print_autonomy(one)


def step_autonomy(
    config: Path | None, remediation: str, fault: str, up: bool, comment: str, json: bool
) -> None:
    """Take a remediation one rung up or down for a fault."""
    body = {"fault": fault, "up": up, "comment": comment}
    said = agent_api(config).post(f"/api/v1/remediations/{remediation}/autonomy", body)
    if json:
        print_json(said)
    else:
        console.print(f"{escape(remediation)} is at [bold]{said['rung']}[/] for {escape(fault)}")


def _where(one: Mapping[str, Any]) -> str:
    return ", ".join(one["groups"]) or "any host"


def _lines(one: Mapping[str, Any]) -> Iterator[str]:
    """Yield what came of its runs, and how long they take."""
    yield (
        f"helped in {one['healed']} of {one['runs']} runs ({one['low']:.0%} to {one['high']:.0%}, "
        f"8 in 10 sure); broke again: {one['relapsed']}"
    )
    usual, longest = (span_in_words(timedelta(seconds=one[name])) for name in ("p50_s", "p95_s"))
    yield f"takes {usual}, 19 of 20 at most {longest}"


def _print_autonomy(one: Mapping[str, Any]) -> None:
    about = escape(f"{one['remediation']} for {one['fault']}")
    for step in one["steps"]:
        word = "up" if step["up"] else "down"
        console.print(f"{about} went {word} at {step['at']}: {escape(step['why'])}", soft_wrap=True)
    if one["earned"]:
        command = f"opsmend autonomy raise {one['remediation']} {one['fault']} -m WHY"
        console.print(
            f"{about} may go up: {escape(one['earned'])}; [bold]{escape(command)}[/]", soft_wrap=True
        )
