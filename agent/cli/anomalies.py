"""``opsmend anomalies``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.markup import escape

from agent.cli.output import ago, console, print_json
from agent.config import find_config_file, load_settings
from agent.livestatus import read_anomalies, read_live_status


def list_anomalies(config: Path | None, json: bool) -> None:
    """List the anomalies that the running agent has open."""
    settings = load_settings(find_config_file(config))
    folder = settings.agent.runtime_dir
    found = read_anomalies(folder)
    if json:
        print_json(found)
        return
    live = read_live_status(folder)
    if live is None or live["state"] != "running":
        console.print("[red]the agent is not running[/]: nobody looks")
    elif not found:
        console.print("nothing is anomalous")
    for one in found:
        print_anomaly(one)


def print_anomaly(one: Mapping[str, Any]) -> None:
    """Write one anomaly for people, as the agent keeps it in its runtime folder."""
    kind = one["kind"].replace("_", " ")
    since = ago(datetime.fromisoformat(one["since"]))
    console.print(
        f"[bold]{escape(one['entity'])}[/] {escape(one['signal'])}: {kind}, "
        f"confidence {one['confidence']:.2f}, began {since}"
    )
    if one["observed"] is not None:
        console.print(
            f"  seen {one['observed']:.6g}, expected {one['expected_low']:.6g} to {one['expected_high']:.6g}"
        )
    if one["contributors"]:
        console.print(f"  together with {escape(', '.join(one['contributors']))}")
    console.print(f"  {escape(one['query'])}", soft_wrap=True)
