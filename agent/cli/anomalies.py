"""``opsmend anomalies``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.markup import escape

from agent.cli.agentapi import agent_api
from agent.cli.output import ago, console, print_json


def list_anomalies(config: Path | None, json: bool) -> None:
    """List the anomalies that the running agent has open."""
    api = agent_api(config)
    found = api.get("/api/v1/anomalies")
    if json:
        print_json(found)
    elif not api.running:
        console.print("[red]the agent is not running[/]: nobody looks")
    elif not found:
        console.print("nothing is anomalous")
    else:
        for one in found:
            print_anomaly(one)


def print_anomaly(one: Mapping[str, Any]) -> None:
    """Write one anomaly for people, as the API tells it."""
    kind = one["kind"].replace("_", " ")
    since = ago(datetime.fromisoformat(one["since"]))
    console.print(
        f"{one['id']}  [bold]{escape(one['entity'])}[/] {escape(one['signal'])}: {kind}, "
        f"confidence {one['confidence']:.2f}, began {since}"
    )
    if one["observed"] is not None:
        console.print(
            f"  seen {one['observed']:.6g}, expected {one['expected_low']:.6g} to {one['expected_high']:.6g}"
        )
    if one["contributors"]:
        console.print(f"  together with {escape(', '.join(one['contributors']))}")
    console.print(f"  {escape(one['query'])}", soft_wrap=True)
