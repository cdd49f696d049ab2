"""``opsmend reload``: the agent told to go by changed files, and what came of it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from rich.markup import escape

from agent.cli.output import console, print_json
from agent.config import find_config_file, load_settings
from agent.errors import ConfigError, ConflictError, OpsmendError, RefusedError
from agent.livestatus import read_live_status
from agent.localsocket import running_agent

_WITHIN_S = 120.0
_LOOK_EVERY_S = 0.1
_NOT_YOU = "only root and the agent's own user may reload it: sudo opsmend reload"


def reload_agent(config: Path | None, json: bool) -> None:
    """Reload the agent; raise ConfigError when it refuses."""
    folder = load_settings(find_config_file(config)).agent.runtime_dir
    before = _running(folder)
    try:
        os.kill(before["pid"], signal.SIGHUP)
    except PermissionError as error:
        raise RefusedError(_NOT_YOU) from error
    state = _wait(folder, before)
    problems = state["newest"]["problems"]
    if json:
        print_json(state)
    if problems:
        raise ConfigError("the agent refused and goes on as before: " + "; ".join(problems))
    if not json:
        _print(state["pending"])


def _running(folder: Path) -> dict[str, Any]:
    try:
        pid = running_agent(folder)
    except PermissionError as error:
        raise RefusedError(_NOT_YOU) from error
    live = read_live_status(folder)
    # a process of that number may be another's by now: who holds the socket is the agent
    if pid is None or live is None or live["pid"] != pid:
        raise ConflictError(f"no agent runs on {folder}; 'systemctl start opsmend' starts it")
    return live


def _wait(folder: Path, before: dict[str, Any]) -> dict[str, Any]:
    """Return what the agent says of settings once it has counted one reload more."""
    deadline = time.monotonic() + _WITHIN_S
    while time.monotonic() < deadline:
        live = _running(folder)
        if live["pid"] != before["pid"]:
            raise ConflictError(
                "the agent ended meanwhile and was started anew; it goes by the files as they are"
            )
        state: dict[str, Any] = live["settings"]
        if state["newest"]["number"] > before["settings"]["newest"]["number"]:
            return state
        time.sleep(_LOOK_EVERY_S)
    raise OpsmendError(f"the agent did not answer within {_WITHIN_S:.0f} s; 'opsmend status' says how it is")


def _print(pending: dict[str, Any]) -> None:
    console.print("reloaded")
    if pending["restart"]:
        keys = ", ".join(pending["restart"])
        console.print(f"[yellow]in force after a restart only:[/] {escape(keys)}", soft_wrap=True)
        console.print("  systemctl restart opsmend")
