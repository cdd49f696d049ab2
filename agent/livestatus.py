"""How the agent says of itself how it is: a small file in the runtime folder, replaced at every turn.

It stands beside the store on purpose: it must be readable when the store is not writable.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from agent.wholefile import replacing

FILE = "status.json"


def write_live_status(folder: Path, status: Mapping[str, Any]) -> None:
    """Replace the status. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with replacing(folder / FILE) as stream:
        stream.write(orjson.dumps(status))


def read_live_status(folder: Path) -> dict[str, Any] | None:
    """Return what the agent last wrote of itself, or None; ``state`` is ``dead`` when it is gone."""
    try:
        status: dict[str, Any] = orjson.loads((folder / FILE).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    if status.get("state") in ("running", "stopping") and not _lives(int(status.get("pid", 0))):
        status["state"] = "dead"
    return status


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid > 0
