"""``opsmend pause`` and ``opsmend resume``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from agent.cli.common import settings_and_stores
from agent.cli.output import console, print_json, whoami
from agent.config.scalars import parse_duration
from agent.errors import OpsmendError


def pause_agent(config: Path | None, comment: str, duration: str | None, json: bool) -> None:
    """Pause the agent."""
    try:
        span = parse_duration(duration) if duration else None
    except ValueError as error:
        raise OpsmendError(f"--for: {error}") from error
    _, stores = settings_and_stores(config)
    now = datetime.now(UTC)
    stores.pauses.begin(whoami(), comment, now, now + span if span else None)
    pause = stores.pauses.current(now)
    if json:
        print_json({"paused": pause})
    else:
        console.print(f"{pause}. What is at work goes on; [bold]opsmend resume[/] ends the pause.")


def resume_agent(config: Path | None, json: bool) -> None:
    """Resume the agent."""
    _, stores = settings_and_stores(config)
    was_paused = stores.pauses.end(whoami(), datetime.now(UTC))
    if json:
        print_json({"paused": None, "was_paused": was_paused})
    else:
        console.print("resumed" if was_paused else "it was not paused")
