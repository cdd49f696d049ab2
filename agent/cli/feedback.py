"""``opsmend anomaly wrong|missed``: what people say about what the agent saw, or did not see."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import typer
from rich.markup import escape

from agent.cli.agentapi import agent_api
from agent.cli.output import console, print_json


def say_wrong(config: Path | None, anomaly_id: str, note: str, json: bool) -> None:
    """Say that an open anomaly is none."""
    path = f"/api/v1/anomalies/{quote(anomaly_id, safe='')}/wrong"
    said = agent_api(config).post(path, {"note": note})
    if json:
        print_json(said)
    else:
        console.print(
            f"kept: {escape(said['entity'])} {escape(said['signal'])} was usual; "
            "for thirty days as much of it opens nothing"
        )


def say_missed(config: Path | None, entity: str, since: str, until: str, note: str, json: bool) -> None:
    """Say that something was strange and was not seen."""
    body = {"entity": entity, "from": _moment("--from", since), "to": _moment("--to", until), "note": note}
    said = agent_api(config).post("/api/v1/anomalies/missed", body)
    if json:
        print_json(said)
    else:
        console.print(f"kept: {escape(entity)} is looked at twice as closely for thirty days")


def _moment(option: str, text: str) -> str:
    """Return an ISO time in UTC; one without an offset is the local time of who types it."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC).isoformat()
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(
            f"'{text:.60}' is no time; write it as 2026-03-01T10:00 or 2026-03-01T10:00+02:00",
            param_hint=option,
        ) from error
