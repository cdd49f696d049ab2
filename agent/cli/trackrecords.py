"""``opsmend remediations`` and ``opsmend autonomy``: what came of runs, and what it allows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from agent.cli.agentapi import agent_api
from agent.cli.output import console, print_json, span


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
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("remediation", "fault", "hosts", "helped", "8 in 10", "p50", "p95", "again", "autonomy"):
        table.add_column(title)
    for one in found["records"]:
        rung = rungs[one["remediation"], one["fault"]]["rung"]
        table.add_row(*(escape(cell) for cell in _row(one)), rung)
    console.print(table)
    for one in found["records"]:
        for text in one["opportunities"]:
            about = f"{one['remediation']} for {one['fault']}"
            console.print(f"[yellow]could be better[/]  {escape(f'{about}: {text}')}", soft_wrap=True)
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


def _row(one: Mapping[str, Any]) -> list[str]:
    return [
        one["remediation"],
        one["fault"],
        ",".join(one["groups"]) or "any",
        f"{one['healed']} of {one['runs']}",
        f"{one['low']:.0%}-{one['high']:.0%}",
        span(timedelta(seconds=one["p50_s"])),
        span(timedelta(seconds=one["p95_s"])),
        str(one["relapsed"]),
    ]


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
